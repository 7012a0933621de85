import type { RunError } from '@fermata/protocol';
import type { ToolOutcome } from '../../agent/tools/tool-outcome.ts';
import type { Command } from '../../engine/commands.ts';
import { crashPoint } from '../../observe/crash-point.ts';
import { runFields, type Segment } from '../segment-context.ts';
import { inDoubtWait } from '../waits.ts';
import { commitPlanCall } from './plan-call.ts';
import type { PlannedRequest } from './call-plan.ts';
import { idempotencyKeyOf } from './idempotency-key.ts';
import { commitLateOutcome, type KnownOutcome } from './late-outcome.ts';
import { fitOutput } from './tool-output.ts';

const FIRST_DELAY_MS = 500;
const LAST_DELAY_MS = 8_000;
const PRESENCE_POLL_MS = 250;
/** Beyond the tool's own time-out: ends a call whose transport does not keep to it. */
const GRACE_MS = 10_000;

/**
 * One call that the server makes: `tool.started` is committed before the request leaves, the outcome after it. Ends
 * without an outcome when the segment must stop; then the call is in doubt, or its outcome comes late.
 */
export async function requestCall(segment: Segment, request: PlannedRequest): Promise<void> {
  const { callId } = request.call;
  if (!(await isSafeToSend(segment, request))) return;
  const idempotencyKey = await idempotencyKeyOf(segment, request);
  const { digest } = request;
  const started = await segment.commit([{ type: 'startCall', callId, idempotencyKey, digest }]);
  if (started.kind === 'refused') throw started.error;
  // A limit may have stood in the way, or a digest that is not the approved one.
  if (started.kind !== 'committed' || !isRunning(segment, callId)) return;
  if (!(await isSafeToSend(segment, request))) return;
  crashPoint('before-tool-request');
  const outcome = await sendUntilKnown(segment, request, idempotencyKey);
  crashPoint('after-tool-request');
  await settle(segment, request, outcome);
}

function isRunning({ log }: Segment, callId: string): boolean {
  return log.state.calls.find((call) => call.callId === callId)?.state === 'running';
}

/**
 * A call that must not be made twice leaves only while it is certain that no other process has taken over the run.
 * Waits for that; false when the segment must stop.
 */
async function isSafeToSend(segment: Segment, request: PlannedRequest): Promise<boolean> {
  const { deps, limits, stop } = segment;
  while (!stop.aborted) {
    if (request.afterCrash === 'retry' || deps.isPresent(limits.presenceMs)) return true;
    await deps.clock.sleep(PRESENCE_POLL_MS, stop);
  }
  return false;
}

/**
 * Asks until there is an outcome. A request of which nothing left is made again a few times; one that is in doubt
 * only where the tool says so, always under the same key.
 */
async function sendUntilKnown(
  segment: Segment,
  request: PlannedRequest,
  idempotencyKey: string,
): Promise<ToolOutcome> {
  const { limits, stop, deps } = segment;
  let requested = request.requested + 1;
  for (let tries = 1; ; tries += 1) {
    const outcome = await send(segment, request, idempotencyKey);
    if (stop.aborted || outcome.kind === 'completed' || outcome.kind === 'failed') return outcome;
    if (outcome.kind === 'in_doubt') {
      if (request.afterCrash === 'ask' || requested >= limits.callAttempts) return outcome;
      requested += 1;
    } else if (tries >= limits.sendAttempts) {
      return outcome;
    }
    await deps.clock.sleep(Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** (tries - 1)), stop);
    if (!(await isSafeToSend(segment, request))) return outcome;
  }
}

async function send(
  { toolbox, secrets, stop, deps }: Segment,
  { call, tool }: PlannedRequest,
  idempotencyKey: string,
): Promise<ToolOutcome> {
  const ended = new AbortController();
  const overdue = new AbortController();
  void deps.clock.sleep(tool.timeoutMs + GRACE_MS, AbortSignal.any([stop, ended.signal])).then(() => {
    if (!ended.signal.aborted) overdue.abort();
  });
  try {
    const { callId, args } = call;
    const signal = AbortSignal.any([stop, overdue.signal]);
    return await toolbox.callTool({ tool, args, callId, idempotencyKey, secrets, signal });
  } finally {
    ended.abort();
  }
}

async function settle(segment: Segment, request: PlannedRequest, outcome: ToolOutcome): Promise<void> {
  const { callId, tool } = request.call;
  switch (outcome.kind) {
    case 'completed': {
      if (request.tool.target.kind === 'plan') return await commitPlanCall(segment, request, outcome.output);
      const output = await fitOutput(segment, outcome.output);
      return await commitOutcome(segment, request, { type: 'completeCall', callId, output }, { output });
    }
    case 'failed': {
      const { error } = outcome;
      return await commitOutcome(segment, request, { type: 'failCall', callId, error }, { error });
    }
    case 'not_sent': {
      if (segment.stop.aborted) return;
      const error = { code: 'unreachable', message: `${tool} could not be reached: ${outcome.message}` };
      return await commitOutcome(segment, request, { type: 'failCall', callId, error }, null);
    }
    case 'in_doubt': {
      if (segment.stop.aborted) return;
      const wait = inDoubtWait(request.call, outcome.message, request.tool, segment.deps.clock.now());
      const asked = await segment.commit([{ type: 'openWaits', waits: [wait] }]);
      if (asked.kind === 'refused') throw asked.error;
    }
  }
}

/** `known` is what others are told when the run was taken from this segment before the outcome could be committed. */
async function commitOutcome(
  segment: Segment,
  request: PlannedRequest,
  command: Command,
  known: KnownOutcome | null,
): Promise<void> {
  const { callId, tool } = request.call;
  const outcome = await segment.commit([command]);
  switch (outcome.kind) {
    case 'committed':
      return;
    case 'over':
    case 'stale':
      if (known !== null) await commitLateOutcome(segment, { callId, tool, outcome: known });
      return;
    case 'refused': {
      segment.deps.log.error(
        { ...runFields(segment.run), callId, error: outcome.error },
        'an outcome was refused',
      );
      const error: RunError = {
        code: 'result_not_storable',
        message: `the result of ${tool} cannot be kept`,
      };
      const failed = await segment.commit([{ type: 'failCall', callId, error }]);
      if (failed.kind === 'refused') throw failed.error;
    }
  }
}
