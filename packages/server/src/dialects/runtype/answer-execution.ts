import { isTerminal, type Run } from '@fermata/protocol';
import type { CommandReply, OperationReply, OperationRequest } from '../../http/route.ts';
import { stopReasonOf } from './ends.ts';
import { followExecution, openExecutionStream, type Beginning } from './execution-stream.ts';
import type { Frame } from './frame.ts';
import { executionIdOf } from './ids.ts';
import type { ExecutionReply } from './wire-dispatch.ts';

/** Longest wait for a JSON answer, ms. Source: wire section 12. */
const JSON_WAIT_MS = 300_000;

type Request = Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller' | 'streamSignal'>;

/** An execution as the client wants it: its stream, or JSON once it pauses or ends. */
export async function answerExecution(
  { engine, caller, streamSignal }: Request,
  runId: string,
  beginning: Beginning,
  isStreamed: boolean,
): Promise<OperationReply> {
  const asked = { engine, caller, runId, beginning };
  if (isStreamed) {
    return { status: 200, stream: await openExecutionStream({ ...asked, signal: streamSignal() }) };
  }
  const signal = AbortSignal.any([streamSignal(), AbortSignal.timeout(JSON_WAIT_MS)]);
  const { batches, encoder } = await followExecution({ ...asked, signal, endsWhenHeld: true });
  const texts: string[] = [];
  for await (const frames of batches) {
    for (const { type, text } of frames) {
      if (type === 'text_complete' && typeof text === 'string') texts.push(text);
    }
  }
  const run = await engine.runs.get(caller, runId);
  const asking = encoder.pending(null).map(({ frame }) => frame);
  return jsonReply(run, texts, asking);
}

function jsonReply(run: Run, texts: readonly string[], asking: readonly Frame[]): CommandReply {
  return { status: 200, body: replyOf(run, texts, asking) };
}

function replyOf(run: Run, texts: readonly string[], asking: readonly Frame[]): ExecutionReply {
  const { usage } = run;
  const totals = {
    iterations: usage.turns,
    totalTokens: { input: usage.inputTokens, output: usage.outputTokens },
    ...(usage.costUsd === null ? {} : { totalCost: usage.costUsd }),
  };
  const executionId = executionIdOf(run);
  const said = texts.length === 0 ? {} : { result: texts.join('\n\n') };
  if (run.status === 'succeeded') {
    const result = typeof run.output === 'string' ? run.output : JSON.stringify(run.output);
    const output = { ...(run.output === null ? {} : { result }), finalOutput: run.output };
    return { success: true, executionId, status: 'completed', ...output, stopReason: 'complete', ...totals };
  }
  if (run.status === 'failed') {
    const error = run.error ?? { code: 'failed', message: 'The execution has failed' };
    const stopReason = stopReasonOf(error.code);
    if (stopReason !== null) {
      return { success: true, executionId, status: 'completed', ...said, stopReason, ...totals };
    }
    return { success: false, executionId, status: 'failed', ...said, error, code: error.code, ...totals };
  }
  if (run.status === 'cancelled') {
    const error = { code: 'CANCELLED', message: run.endedBy?.reason ?? 'The execution was cancelled' };
    return { success: false, executionId, status: 'cancelled', ...said, error, code: error.code, ...totals };
  }
  const pausedReason = pausedReasonOf(run, executionId, asking);
  if (pausedReason === null) return { success: true, executionId, status: 'running', ...said, ...totals };
  return { success: true, executionId, status: 'paused', ...said, pausedReason, ...totals };
}

function pausedReasonOf(
  run: Run,
  executionId: string,
  asking: readonly Frame[],
): NonNullable<ExecutionReply['pausedReason']> | null {
  if (isTerminal(run.status)) return null;
  const [hold] = run.holds;
  if (run.status === 'paused' && hold !== undefined) {
    return { type: 'hold', executionId, name: hold.name, reason: hold.reason };
  }
  if (run.status !== 'waiting' || asking.length === 0) return null;
  const approvals = asking.filter(({ type }) => type === 'approval_start');
  const awaits = asking.filter(({ type }) => type === 'await');
  return { type: awaits.length > 0 ? 'await' : 'approval', executionId, awaits, approvals };
}
