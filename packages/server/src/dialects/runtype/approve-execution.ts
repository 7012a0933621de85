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
 * Records a decision, and says where the answer begins. A second decision changes nothing: its answer begins with the
 * winner's, and goes on with all that followed. Source: wire section 12.
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
      if (changed) return { ...beginning, answered };
    } catch (error) {
      if (!(error instanceof EngineError) || !LATE.has(error.code)) throw error;
    }
  }
  const { resolution } = await engine.waits.get(caller, approvalId);
  if (resolution === null) return { ...beginning, answered };
  const told = approvalComplete(approvalId, resolution, resolution.at);
  const decidedAt = await decisionSeq(asking, run, approvalId);
  const since =
    decidedAt === null
      ? await beginningOf(asking, await engine.runs.get(caller, run.id), 'nothing')
      : continuing(decidedAt - 1, 'nothing');
  return { ...since, first: placed(told, executionIdOf(run), 0), answered };
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
    const isDecision = wait.kind === 'approval' || wait.kind === 'in_doubt';
    if (isDecision && (await isOwn({ engine, caller }, run, wait))) return wait;
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
