import type { RunEvent } from '@fermata/protocol';

export interface TimelineEntry {
  type: string;
  message: string;
  /** Only with mode=full. */
  isDetail: boolean;
}

/** What Temporal's history would say of an event of the log; null: nothing. */
export function timelineEntry(event: RunEvent): TimelineEntry | null {
  switch (event.type) {
    case 'run.created':
      return entry('WF_STARTED', 'Workflow started');
    case 'run.succeeded':
      return entry('WF_COMPLETED', 'Workflow completed');
    case 'run.failed':
      return event.data.error.code === 'timed_out'
        ? entry('WF_TIMEOUT', 'Workflow timed out')
        : entry('WF_FAILED', `Workflow failed: ${event.data.error.message}`);
    case 'run.cancelled':
      return entry('WF_CANCELLED', 'Workflow cancelled');
    case 'run.reopened':
      return entry('WF_CONTINUED_AS_NEW', 'Workflow continued');
    case 'hold.placed':
      return entry('SIG_RECEIVED', 'Signal received: pause_v1');
    case 'hold.released':
      return entry('SIG_RECEIVED', 'Signal received: resume_v1');
    case 'message.received':
      return event.data.history === true ? null : entry('SIG_RECEIVED', 'Signal received: message');
    case 'turn.started':
      return detail('ACT_STARTED', `Activity started: model ${event.data.model}`);
    case 'message.completed':
      return entry('ACT_COMPLETED', `Activity completed: model ${event.data.model}`);
    case 'turn.failed':
      return entry('ACT_FAILED', `Activity failed: ${event.data.error.message}`);
    case 'tool.started':
      return detail('ACT_STARTED', `Activity started: ${event.data.tool}`);
    case 'tool.completed':
      return entry('ACT_COMPLETED', `Activity completed: ${event.data.tool}`);
    case 'tool.failed':
      return entry('ACT_FAILED', `Activity failed: ${event.data.tool}`);
    case 'tool.denied':
      return entry('ACT_CANCELLED', `Activity cancelled: ${event.data.tool}`);
    case 'wait.opened':
      return event.data.kind === 'timer' ? detail('TIMER_STARTED', 'Timer started') : null;
    case 'wait.resolved':
      return event.data.resolution.outcome === 'fire'
        ? entry('TIMER_FIRED', 'Timer fired')
        : entry('SIG_RECEIVED', `Signal received: ${event.data.resolution.outcome}`);
    case 'child.started':
      return entry('CHILD_STARTED', 'Child workflow started');
    case 'child.finished':
      return entry(CHILD_END[event.data.status] ?? 'CHILD_COMPLETED', `Child workflow ${event.data.status}`);
    case 'segment.lost':
    case 'segment.returned':
      return detail('MARKER_RECORDED', event.type);
    default:
      return null;
  }
}

const CHILD_END: Readonly<Record<string, string>> = {
  succeeded: 'CHILD_COMPLETED',
  failed: 'CHILD_FAILED',
  cancelled: 'CHILD_CANCELLED',
};

function entry(type: string, message: string): TimelineEntry {
  return { type, message, isDetail: false };
}

function detail(type: string, message: string): TimelineEntry {
  return { type, message, isDetail: true };
}
