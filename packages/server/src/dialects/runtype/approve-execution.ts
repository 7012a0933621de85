import type { AnswerBody, EventType, Run, Wait } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import { RuntypeError } from './errors.ts';
import { continuing, type Beginning } from './execution-stream.ts';
import { beginningOf, keyed, type Answering, type Asking } from './find-execution.ts';
import { placed } from './frame.ts';
import { executionIdOf } from './ids.ts';
import { approvalComplete } from './pauses.ts';

export interface Decision {
  approvalId: string;
  decision: 'approved' | 'denied';
  reason?: string | undefined;
}

/**
 * Records a decision, and says where the answer begins. While other approvals are open it ends behind the decision, and
 * the answer to the last one goes on from there. A second decision changes nothing: its answer begins with the
 * winner's, and goes on with all that followed. Source: wire sections 5.4 and 12.
 */
export async function approveExecution(asking: Answering, run: Run, decision: Decision): Promise<Beginning> {
  const { engine, caller } = asking;
  const { approvalId } = decision;
  const wait = await findApproval(asking, run, approvalId);
  const beginning = await beginningOf(asking, run, 'nothing');
  const answered = new Set([approvalId]);
  if (wait.state === 'open') {
    try {
      const answer = answerOf(wait, decision);
      const { changed } = await keyed(asking, (options) =>
        engine.waits.answer(caller, approvalId, answer, options),
      );
      if (changed) {
        const earlier = await earlierDecision(asking, run, wait);
        const since = earlier === null ? beginning : continuing(earlier, 'nothing');
        return { ...since, answered, endsBehind: approvalId };
      }
    } catch (error) {
      if (!(error instanceof EngineError) || !LATE.has(error.code)) throw error;
    }
  }
  const { resolution } = await engine.waits.get(caller, approvalId);
  if (resolution === null) return { ...beginning, answered };
  const told = approvalComplete(approvalId, resolution, resolution.at);
  const decidedAt = await decisionSeq(asking, run, approvalId);
  const now = await engine.runs.get(caller, run.id);
  const since =
    decidedAt === null ? await beginningOf(asking, now, 'nothing') : continuing(decidedAt - 1, 'nothing');
  const isOneLeft = now.openWaits.some(({ id, kind }) => id !== approvalId && isDecision(kind));
  return {
    ...since,
    first: placed(told, executionIdOf(run), 0),
    answered,
    ...(isOneLeft ? { endsBehind: approvalId } : {}),
  };
}

/**
 * The last decision of this face that was made while this approval was open already: its answer has ended there, so
 * what followed was told to nobody. Null: there is none, or the approval is a child's, whose log is another.
 */
async function earlierDecision({ engine, caller }: Asking, run: Run, wait: Wait): Promise<number | null> {
  if (wait.runId !== run.id) return null;
  const where = { path: ['resolution', 'via'], is: true, values: ['runtype'] };
  const opened = { types: ['wait.opened' as const], where: { path: ['id'], is: true, values: [wait.id] } };
  const any = [{ types: ['wait.resolved' as const], where }, opened];
  let isBefore = false;
  let cursor: string | undefined;
  do {
    const page = await engine.events.select(caller, { run: run.id, any, limit: 100, cursor });
    for (const event of page.data) {
      if (event.type === 'wait.opened') return null;
      if (event.type !== 'wait.resolved') continue;
      const { waitId, resolution } = event.data;
      if (isBefore && OUTCOMES.has(resolution.outcome)) return event.seq;
      isBefore ||= waitId === wait.id;
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return null;
}

/** How approvals and calls in doubt are decided; what else is resolved are outputs. */
const OUTCOMES: ReadonlySet<string> = new Set(['approve', 'deny', 'retry', 'skip']);

function isDecision(kind: Wait['kind']): boolean {
  return kind === 'approval' || kind === 'in_doubt';
}

/** Event that decided the wait: what followed it has not been seen by who comes second. Null: a child's wait. */
async function decisionSeq({ engine, caller }: Asking, run: Run, waitId: string): Promise<number | null> {
  const decided = { types: DECISIONS, where: { path: ['waitId'], is: true, values: [waitId] } };
  const { data } = await engine.events.select(caller, { run: run.id, any: [decided], limit: 1 });
  return data[0]?.seq ?? null;
}

const DECISIONS: EventType[] = ['wait.resolved', 'wait.expired', 'wait.superseded', 'wait.cancelled'];

const LATE: ReadonlySet<string> = new Set(['wait_closed', 'invalid_transition']);

function answerOf({ kind }: Wait, { decision, reason }: Decision): AnswerBody {
  const words = reason === undefined || reason === '' ? {} : { reason };
  if (kind === 'in_doubt') return { outcome: decision === 'approved' ? 'retry' : 'skip', ...words };
  return { decision: decision === 'approved' ? 'approve' : 'deny', ...words };
}

/** The approval, once it is certain that it is one of the execution's own, or of a run below it. */
export async function findApproval({ engine, caller }: Asking, run: Run, approvalId: string): Promise<Wait> {
  const missing = (): RuntypeError =>
    new RuntypeError('not_found', `No pending approval found for ${approvalId}`);
  try {
    const wait = await engine.waits.get(caller, approvalId);
    if (isDecision(wait.kind) && (await isOwn({ engine, caller }, run, wait))) return wait;
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'not_found') throw error;
  }
  throw missing();
}

async function isOwn({ engine, caller }: Asking, run: Run, wait: Wait): Promise<boolean> {
  if (wait.runId === run.id || run.openWaits.some(({ id }) => id === wait.id)) return true;
  let above = (await engine.runs.get(caller, wait.runId)).parentId;
  while (above !== null && above !== run.id) above = (await engine.runs.get(caller, above)).parentId;
  return above === run.id;
}
