import {
  isTerminal,
  type Preview,
  type PreviewLimit,
  type PreviewWarning,
  type RunError,
  type RunEvent,
  type WaitBody,
} from '@fermata/protocol';
import type { Command, DecisionFacts } from './commands.ts';
import type { CommitRequest, CommitResult } from './commit.ts';
import type { NewRun } from './new-run.ts';
import { hasPassed, isReached, LIMITS, usedOf } from './deciders/limits.ts';
import { createDraft } from './draft.ts';
import { EngineError } from './errors.ts';
import type { Caller } from './caller.ts';
import type { PreviewsFacade } from './facade.ts';
import type { WaitReads } from './ports.ts';
import { answerCommand, changedOf, commandRequest, messageCommand, resumeCommands } from './run-commands.ts';
import type { RunState } from './state.ts';
import { ownOpenWaits } from './tree.ts';

/** A commit that was decided and not made. */
export interface DryRun {
  /** The run as it is. */
  before: RunState;
  /** What the commit would have answered. */
  result: CommitResult;
  /** What the driver's next commits would be decided on. */
  facts: DecisionFacts;
  /** RFC 3339, by the database's clock. */
  now: string;
}

export interface DryRunPort {
  /** Throws what the commit would throw. */
  decide(request: Exclude<CommitRequest, { create: NewRun }>): Promise<DryRun>;
}

/** What the driver would do with the run, as far as that can be told. */
export interface Rehearsal extends Pick<Preview, 'next' | 'calls' | 'turn' | 'cost' | 'agent'> {
  /** The run when it has gone so far. */
  state: RunState;
  /** Waits that were opened on the way. */
  opened: WaitBody[];
  error: RunError | null;
  warnings: PreviewWarning[];
}

export interface PreviewPorts {
  dryRuns: DryRunPort;
  rehearse(dryRun: DryRun): Promise<Rehearsal>;
  waits: Pick<WaitReads, 'byId'>;
}

/** The facade of previews: commands are made and decided as in earnest, and then nothing is done. */
export function createPreviewsFacade({ dryRuns, rehearse, waits }: PreviewPorts): PreviewsFacade {
  async function preview(caller: Caller, runId: string, commands: Command[]): Promise<Preview> {
    const request = commandRequest(caller, runId, commands, undefined, changedOf);
    if ('create' in request) throw new Error('a preview is of commands');
    const dryRun = await dryRuns.decide(request);
    return describe(dryRun, await rehearse(dryRun));
  }

  return {
    resume: async (caller, runId, request) => preview(caller, runId, resumeCommands(caller, request)),
    sendMessage: async (caller, runId, request) => preview(caller, runId, [messageCommand(caller, request)]),
    async answer(caller, waitId, answer) {
      const wait = await waits.byId(caller.organizationId, waitId);
      if (wait === null) throw new EngineError('not_found', 'there is no such wait');
      return preview(caller, wait.runId, [answerCommand(caller, { ...answer, waitId })]);
    },
    answerCall: async (caller, runId, callId, answer) =>
      preview(caller, runId, [answerCommand(caller, { ...answer, callId })]),
  };
}

function describe(dryRun: DryRun, rehearsal: Rehearsal): Preview {
  const { before, result } = dryRun;
  const { state, opened, next, calls, turn, cost, agent, error } = rehearsal;
  const changed = result.decisions.some((decision) => decision.changed);
  const limits = limitsNear(dryRun, state);
  const isOpen = new Set(state.waits.map((wait) => wait.id));
  const openedIds = new Set(opened.map((wait) => wait.id));
  const runId = before.runId;
  return {
    runId,
    changed,
    head: before.head,
    status: result.state.status,
    comesTo: state.status,
    next,
    holds: state.holds,
    closes: result.events.flatMap(closed),
    openWaits: ownOpenWaits(state).filter((wait) => !openedIds.has(wait.id)),
    releases: releasedChildren(dryRun),
    opens: opened.filter((wait) => isOpen.has(wait.id)).map(({ id: _id, ...body }) => body),
    calls,
    turn,
    cost,
    limits,
    error: error ?? result.run?.error ?? null,
    agent,
    warnings: [
      ...(changed ? [] : [{ code: 'nothing_changes' as const, message: 'the command would change nothing' }]),
      ...rehearsal.warnings,
      ...limits.map(limitWarning),
    ],
  };
}

/** Runs below, whose hold goes with the run's own. */
function releasedChildren({ before, result }: DryRun): string[] {
  if (before.treeHold === undefined || result.state.treeHold !== undefined) return [];
  return (result.state.children ?? []).map((child) => child.runId);
}

function closed(event: RunEvent): Preview['closes'] {
  switch (event.type) {
    case 'wait.resolved':
    case 'wait.superseded':
    case 'wait.cancelled':
    case 'wait.expired': {
      const { waitId, callId, resolution } = event.data;
      return [{ waitId, callId, outcome: resolution.outcome }];
    }
    default:
      return [];
  }
}

/** From this share on a limit is near. */
const NEAR = 0.8;

function limitsNear({ now, facts }: DryRun, state: RunState): PreviewLimit[] {
  if (isTerminal(state.status)) return [];
  const draft = createDraft(state, now, facts);
  const found: PreviewLimit[] = [];
  for (const name of LIMITS) {
    const limit = state.limits[name] ?? null;
    if (limit === null) continue;
    const used = usedOf(draft, name);
    const share = used / limit;
    if (share >= NEAR)
      found.push({ name, limit, used, share, state: isReached(draft, name) ? 'reached' : 'near' });
  }
  const { deadlineAt } = state.limits;
  if (typeof deadlineAt === 'string' && state.startedAt !== null) {
    const begin = Date.parse(state.startedAt);
    const whole = Math.max(1, Date.parse(deadlineAt) - begin);
    const share = (Date.parse(now) - begin) / whole;
    const reached = hasPassed(draft, deadlineAt);
    if (share >= NEAR) {
      found.push({
        name: 'deadlineAt',
        limit: deadlineAt,
        used: now,
        share,
        state: reached ? 'reached' : 'near',
      });
    }
  }
  return found;
}

function limitWarning({ name, limit, used, state }: PreviewLimit): PreviewWarning {
  const figures = `${name}: ${String(used)} of ${String(limit)}`;
  return state === 'near'
    ? { code: 'limit_near', message: `${figures} is used` }
    : {
        code: 'limit_reached',
        message: `${figures} is used: the next step that counts against it is not done`,
      };
}
