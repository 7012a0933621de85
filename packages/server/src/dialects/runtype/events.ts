import type { EventOf, EventType, RunEvent, Wait } from '@fermata/protocol';
import { childChanged, childFinished, childStarted } from './child-frames.ts';
import { cancelled, failed, started, succeeded } from './ends.ts';
import { stepCompleted, stepFailed, stepSkipped, stepStarted } from './flow-frames.ts';
import { stepFallbackStarted } from './fallback-frames.ts';
import { FRAMES_PER_EVENT, placed, type Frame, type FrameCursor, type FrameDraft } from './frame.ts';
import { createMemory, rememberRun, type Memory, type WaitMemory } from './memory.ts';
import { closed, opened } from './pauses.ts';
import { toolEnded, toolStarted } from './tool-frames.ts';
import { turnCompleted, turnFailed, turnStarted, wordsCompleted, wordsGrew } from './turn-frames.ts';

/** Encodes a run's log from its beginning. A pure function of the log: every process gives the same frames and ids. */
export interface Encoder {
  /** Waits of runs below this one that the event names, and that `encode` must be given. */
  needs(event: RunEvent): string[];
  encode(event: RunEvent, below?: ReadonlyMap<string, Wait>): Frame[];
  /** What a reader that comes in after the last event is told first: that it goes on, and in the middle of what. */
  resumed(cursor: FrameCursor): Frame[];
  /** What is still asked for, in the order in which it was asked. `cursor` null: each where it was first told. */
  pending(cursor: FrameCursor | null): { waitId: string; frame: Frame }[];
  /** A run below this one is at work. */
  isChildAtWork(): boolean;
}

export function createEncoder(runId: string): Encoder {
  const memory = createMemory(runId);
  const { executionId } = memory;
  const places = new WeakMap<FrameDraft, FrameCursor>();
  return {
    needs: (event) => waitsBelow(event, memory),
    encode: (event, below = new Map()) =>
      draftsOf(event, { memory, below }).map((draft, index) => {
        const place = event.seq * FRAMES_PER_EVENT + Math.min(index, FRAMES_PER_EVENT - 1);
        places.set(draft, place);
        return placed(draft, executionId, place);
      }),
    resumed: (cursor) => resumedDrafts(memory).map((draft) => placed(draft, executionId, cursor)),
    pending: (cursor) =>
      openWaits(memory).flatMap(([waitId, { asked }]) =>
        asked === null
          ? []
          : [{ waitId, frame: placed(asked, executionId, cursor ?? places.get(asked) ?? 0) }],
      ),
    isChildAtWork: () => [...memory.children.values()].some(({ status }) => AT_WORK.has(status)),
  };
}

const AT_WORK: ReadonlySet<string> = new Set(['queued', 'running', 'pausing']);

/** Source: wire section 0, rule 8, and section 4.6. */
function resumedDrafts(memory: Memory): FrameDraft[] {
  const steps = memory.openSteps.flatMap(({ stepId, startedAt }) => stepStarted(memory, stepId, startedAt));
  const calls = [...memory.calls.values()].flatMap(({ start }) => (start === undefined ? [] : [start]));
  return [{ ...started(memory), resumed: true }, ...steps, ...calls, ...memory.blocks.reopened()];
}

function openWaits({ waits, children }: Memory): [string, WaitMemory][] {
  return [...waits, ...[...children.values()].flatMap(({ told }) => [...told])];
}

function waitsBelow(event: RunEvent, { children }: Memory): string[] {
  if (event.type !== 'child.changed' && event.type !== 'child.finished') return [];
  const told = children.get(event.data.childRunId)?.told ?? new Map<string, WaitMemory>();
  const open = event.type === 'child.changed' ? event.data.openWaits.map(({ id }) => id) : [];
  return [...open.filter((id) => !told.has(id)), ...[...told.keys()].filter((id) => !open.includes(id))];
}

interface Context {
  memory: Memory;
  below: ReadonlyMap<string, Wait>;
}

type Drafts = { [T in EventType]: (event: EventOf<T>, context: Context) => FrameDraft[] };

function draftsOf<T extends EventType>(event: EventOf<T>, context: Context): FrameDraft[] {
  const encode = DRAFTS[event.type as T];
  // An event of a newer release has no frames here.
  return encode === undefined ? [] : encode(event, context);
}

const NONE = (): FrameDraft[] => [];

const DRAFTS: Drafts = {
  'run.created': ({ data, at }, { memory }) => {
    rememberRun(memory, data, at);
    return [started(memory)];
  },
  'run.started': NONE,
  'run.pausing': NONE,
  'run.paused': NONE,
  'run.resumed': NONE,
  'run.waiting': NONE,
  'run.reopened': (_event, { memory }) => {
    // What may be tried instead of a step may be tried again.
    for (const open of memory.openSteps) Object.assign(open, { failed: 0, fallbacks: [] });
    return [{ ...started(memory), resumed: true }];
  },
  'run.succeeded': ({ data, at }, { memory }) => succeeded(data, at, memory),
  'run.failed': ({ data, at }, { memory }) => failed(data, at, memory),
  'run.cancelled': ({ data, at }, { memory }) => cancelled(data, at, memory),
  'run.updated': NONE,
  'hold.placed': NONE,
  'hold.released': NONE,
  'message.received': NONE,
  'message.delta': ({ data }, { memory }) => wordsGrew(data, memory),
  'message.completed': ({ data }, { memory }) => wordsCompleted(data, memory),
  'turn.started': ({ data }, { memory }) => turnStarted(data, memory),
  'turn.completed': ({ at }, { memory }) => turnCompleted(at, memory),
  'turn.failed': ({ data }, { memory }) => turnFailed(data, memory),
  'step.started': ({ data, at }, { memory }) => {
    const { stepId, call, unresolved = [] } = data;
    if (call !== undefined) {
      memory.calls.set(call.callId, { tool: call.tool, args: call.args, turn: 0, startedAt: null });
    }
    const open = memory.openSteps.find((one) => one.stepId === stepId);
    if (open !== undefined) return stepFallbackStarted(memory, open);
    const none = { failed: 0, fallbacks: [] };
    memory.openSteps.push({ stepId, startedAt: at, unresolved, before: memory.usage, ...none });
    return stepStarted(memory, stepId, at);
  },
  'step.completed': ({ data, at }, { memory }) => stepCompleted(data, at, memory),
  'step.skipped': ({ data, at }, { memory }) => stepSkipped(data, at, memory),
  'step.failed': ({ data, at }, { memory }) => stepFailed(data, at, memory),
  'tool.started': ({ data, at }, { memory }) => toolStarted(data, at, memory),
  'tool.output': ({ data }, { memory }) =>
    (memory.calls.get(data.callId)?.startedAt ?? null) === null
      ? []
      : [{ type: 'tool_output_delta', toolCallId: data.callId, delta: data.text }],
  'tool.completed': ({ data, at }, { memory }) =>
    data.late === true ? [] : toolEnded(data, { success: true, result: data.output }, at, memory),
  'tool.failed': ({ data, at }, { memory }) =>
    data.late === true
      ? []
      : toolEnded(data, { success: false, error: data.error.message, isMade: false }, at, memory),
  'tool.denied': ({ data, at }, { memory }) =>
    toolEnded(data, { success: false, error: data.reason ?? data.outcome }, at, memory),
  'wait.opened': ({ data, at }, { memory }) => opened(data, at, memory),
  'wait.answered_early': NONE,
  'wait.assigned': NONE,
  'wait.snoozed': NONE,
  'wait.resolved': ({ data, at }, { memory }) => closed(data, at, memory),
  'wait.expired': ({ data, at }, { memory }) => closed(data, at, memory),
  'wait.superseded': ({ data, at }, { memory }) => closed(data, at, memory),
  'wait.cancelled': ({ data, at }, { memory }) => closed(data, at, memory),
  'wait.escalated': NONE,
  'segment.lost': NONE,
  'segment.returned': NONE,
  'tree.paused': NONE,
  'child.started': ({ data }, { memory }) => childStarted(data, memory),
  'child.changed': ({ data, at }, { memory, below }) => childChanged(data, at, memory, below),
  'child.finished': ({ data, at }, { memory, below }) => childFinished(data, at, memory, below),
  'plan.created': NONE,
  'plan.steps_added': NONE,
  'plan.step_updated': NONE,
  'note.logged': ({ data }) => [
    {
      type: 'custom',
      name: data.noteType,
      value: { ...(data.summary === null ? {} : { summary: data.summary }), data: data.data },
    },
  ],
  'usage.recorded': NONE,
};
