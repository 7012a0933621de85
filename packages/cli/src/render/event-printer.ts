import type { EventOf, RunEvent } from '@fermata/sdk';
import type { Style } from './style.ts';
import { oneLine, visible } from './visible.ts';

const MAX_VALUE = 200;

/**
 * Turns a run's events into text for a terminal, one after the other: what the model says as it comes, and one
 * line for everything else that matters. Keeps where the cursor stands and what was said in the current turn.
 */
export class EventPrinter {
  readonly #style: Style;
  #isLineOpen = false;
  /** Text shown so far by `<turn>.<attempt>.<part>`, since a compacted delta may repeat some of it. */
  #shown = new Map<string, string>();
  /** Tool of each call, for events that name the call alone. */
  readonly #tools = new Map<string, string>();

  constructor(style: Style) {
    this.#style = style;
  }

  /** The text to write for one event; empty for those that say nothing to a person. */
  print(event: RunEvent): string {
    if (event.type === 'message.delta') return this.#delta(event);
    return this.#lines(this.#describe(event));
  }

  /** What ends an unfinished line. */
  finish(): string {
    const text = this.#isLineOpen ? '\n' : '';
    this.#isLineOpen = false;
    return text;
  }

  #lines(lines: readonly string[]): string {
    if (lines.length === 0) return '';
    return `${this.finish()}${lines.join('\n')}\n`;
  }

  #delta({ data }: EventOf<'message.delta'>): string {
    if (data.channel === 'tool_input') return '';
    const key = `${data.turn}.${data.attempt}.${data.part}`;
    const before = this.#shown.get(key) ?? '';
    const isRepeat = data.from !== undefined && before !== '' && data.text.startsWith(before);
    const fresh = isRepeat ? data.text.slice(before.length) : data.text;
    if (fresh === '') return '';
    this.#shown.set(key, before + fresh);
    const text = visible(fresh);
    const lead = before === '' ? this.finish() : '';
    this.#isLineOpen = !text.endsWith('\n');
    return lead + (data.channel === 'reasoning' ? this.#style.dim(text) : text);
  }

  #describe(event: Exclude<RunEvent, { type: 'message.delta' }>): string[] {
    const { dim, bold, yellow, green, red, cyan } = this.#style;
    switch (event.type) {
      case 'run.created': {
        const what = event.data.agent?.model ?? event.data.mode;
        return [dim(`run ${event.runId}  #${event.data.number}  ${visible(what)}`)];
      }
      case 'run.pausing':
        return [yellow(`pausing (${event.data.hold})${why(event.data.reason)}${by(event.data.by)}`)];
      case 'run.paused':
        return [yellow(`paused at ${event.data.checkpoint.label}: ${event.data.holds.join(', ')}`)];
      case 'run.resumed':
        return [cyan(`resumed${why(event.data.reason)}${by(event.data.by)}`)];
      case 'run.reopened':
        return [cyan(`reopened by ${event.data.via}${why(event.data.reason)}${by(event.data.by)}`)];
      case 'run.succeeded':
        return [green('succeeded')];
      case 'run.failed':
        return [red(`failed: ${oneLine(event.data.error.code, 60)}: ${visible(event.data.error.message)}`)];
      case 'run.cancelled':
        return [red(`cancelled${why(event.data.reason)}${by(event.data.by)}`)];
      case 'hold.placed':
        return [dim(`hold ${event.data.hold.name} placed${why(event.data.hold.reason)}`)];
      case 'hold.released':
        return [dim(`hold ${event.data.name} released${why(event.data.reason)}`)];
      case 'message.received':
        return event.data.history === true ? [] : this.#received(event);
      case 'message.completed':
        return this.#completed(event);
      case 'turn.started':
        return this.#turnStarted(event);
      case 'turn.failed':
        return [red(`turn ${event.data.turn} failed: ${visible(event.data.error.message)}`)];
      case 'tool.started':
        this.#tools.set(event.data.callId, event.data.tool);
        return event.data.attempt > 1
          ? [dim(`  ${visible(event.data.tool)}: attempt ${event.data.attempt}`)]
          : [];
      case 'tool.completed':
        return [`  ${green('✓')} ${visible(event.data.tool)} → ${value(event.data.output)}`];
      case 'tool.failed':
        return [`  ${red('✗')} ${visible(event.data.tool)}: ${oneLine(event.data.error.message, MAX_VALUE)}`];
      case 'tool.denied':
        return [
          `  ${red('✗')} ${visible(event.data.tool)} ${event.data.outcome}${why(event.data.reason)}${by(event.data.by)}`,
        ];
      case 'wait.opened':
        return this.#waitOpened(event);
      case 'wait.assigned':
        return [dim(`  ${event.data.waitId} assigned to ${visible(event.data.assignee ?? 'nobody')}`)];
      case 'wait.escalated': {
        const { notify } = event.data.action;
        return typeof notify === 'string'
          ? [dim(`  ${event.data.waitId} is overdue: ${visible(notify)} is told`)]
          : [];
      }
      case 'wait.resolved':
      case 'wait.expired':
      case 'wait.superseded':
      case 'wait.cancelled': {
        const { outcome, by: who, reason, via } = event.data.resolution;
        return [`  ${bold(outcome)}${why(reason)}${by(who)} ${dim(`via ${via}`)}`];
      }
      case 'segment.lost':
        return [yellow('the process that drove the run is gone; another takes over')];
      case 'note.logged':
        return [dim(`note ${visible(event.data.noteType)}${why(event.data.summary)}`)];
      case 'tree.paused':
        return [dim(`  all ${event.data.runs} runs of the tree have stopped`)];
      case 'child.started':
        return [dim(`  child run ${event.data.childRunId} started`)];
      case 'child.finished':
        return [dim(`  child run ${event.data.childRunId} ${event.data.status}`)];
      case 'run.started':
      case 'run.waiting':
      case 'run.updated':
      case 'turn.completed':
      case 'step.started':
      case 'step.completed':
      case 'step.skipped':
      case 'step.failed':
      case 'tool.output':
      case 'wait.answered_early':
      case 'wait.snoozed':
      case 'segment.returned':
      case 'child.changed':
      case 'plan.created':
      case 'plan.steps_added':
      case 'plan.step_updated':
      case 'usage.recorded':
        return [];
      default:
        event satisfies never;
        // A newer server may send types that this program does not know.
        return [];
    }
  }

  #received({ data }: EventOf<'message.received'>): string[] {
    const text = data.parts.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join(' ');
    return [this.#style.bold(`${data.role}: `) + visible(text)];
  }

  #turnStarted({ data }: EventOf<'turn.started'>): string[] {
    if (data.attempt === 1) return [];
    return [this.#style.yellow(`turn ${data.turn}, attempt ${data.attempt}: what was said before is void`)];
  }

  /** The text itself when no delta brought it, then the calls. */
  #completed({ data }: EventOf<'message.completed'>): string[] {
    const wasStreamed = [...this.#shown.keys()].some((key) =>
      key.startsWith(`${data.turn}.${data.attempt}.`),
    );
    this.#shown.clear();
    const text = data.parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('');
    const lines = wasStreamed || text === '' ? [] : [visible(text)];
    for (const call of data.toolCalls) {
      this.#tools.set(call.callId, call.tool);
      lines.push(`  ${this.#style.cyan('→')} ${visible(call.tool)} ${value(call.args)}`);
    }
    return lines;
  }

  #waitOpened({ data }: EventOf<'wait.opened'>): string[] {
    const { yellow, dim } = this.#style;
    const lines = [yellow(`  waiting: ${data.kind} ${data.id}  ${visible(data.prompt)}`)];
    if (data.kind === 'approval') lines.push(dim(`    fermata waits approve ${data.id}`));
    else if (data.kind === 'input' || data.kind === 'tool_output' || data.kind === 'in_doubt') {
      lines.push(dim(`    fermata waits answer ${data.id}`));
    }
    return lines;
  }
}

function why(reason: string | null): string {
  return reason === null || reason === '' ? '' : `: ${visible(reason)}`;
}

function by(actor: { name: string }): string {
  return ` by ${visible(actor.name)}`;
}

function value(json: unknown): string {
  return oneLine(typeof json === 'string' ? json : JSON.stringify(json), MAX_VALUE);
}
