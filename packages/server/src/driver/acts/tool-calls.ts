import type { WaitBody } from '@fermata/protocol';
import { retryDelayMs } from '../../agent/failure.ts';
import type { ResolvedTool } from '../../agent/tools/resolved-tool.ts';
import type { Command } from '../../engine/commands.ts';
import { EngineError } from '../../engine/errors.ts';
import { actionableCalls } from '../next-act.ts';
import type { Segment } from '../segment-context.ts';
import { delegateCommand, type Delegating } from './delegate-call.ts';
import { planCall, type CallPlan, type PlannedRequest } from './call-plan.ts';
import { requestCall } from './request-call.ts';

/**
 * Brings the calls of a turn forward: requests those that the server makes, in parallel, each with commits of its
 * own, and opens waits for the rest. A call that becomes ready meanwhile, since its approval came, is taken up at
 * once. Ends when no request is under way.
 */
export async function toolCalls(segment: Segment): Promise<void> {
  const underWay = new Map<string, Promise<void>>();
  const failures: unknown[] = [];
  let tellChange = (): void => undefined;
  const stopListening = segment.log.onChange(() => tellChange());
  try {
    do {
      const changed = new Promise<void>((resolve) => {
        tellChange = resolve;
      });
      if (mayBegin(segment) && failures.length === 0) {
        await takeUp(segment, new Set(underWay.keys()), (request) => {
          const { callId } = request.call;
          const done = requestCall(segment, request)
            .catch((error: unknown) => void failures.push(error))
            .finally(() => {
              underWay.delete(callId);
              tellChange();
            });
          underWay.set(callId, done);
        });
      }
      if (underWay.size > 0) await changed;
    } while (underWay.size > 0);
  } finally {
    stopListening();
    await Promise.all(underWay.values());
  }
  if (failures.length > 0) throw failures[0];
}

function mayBegin({ stop, drain, log }: Segment): boolean {
  return !stop.aborted && !drain.aborted && log.state.holds.length === 0;
}

/** Plans the calls that nobody carries out; their failures and waits are one commit. */
async function takeUp(
  segment: Segment,
  underWay: ReadonlySet<string>,
  begin: (request: PlannedRequest) => void,
): Promise<void> {
  const calls = actionableCalls(segment.log.state).filter((call) => !underWay.has(call.callId));
  if (calls.length === 0) return;
  const plans = await planAll(segment, calls);
  if (plans === null) return;
  const commands: Command[] = [];
  const waits: WaitBody[] = [];
  for (const { callId, plan } of plans) {
    if (plan.kind === 'fail') commands.push({ type: 'failCall', callId, error: plan.error });
    else if (plan.kind === 'wait') waits.push(plan.wait);
    else if (plan.kind === 'delegate')
      commands.push(await delegateCommand(delegating(segment), plan.call, plan.tool));
    else begin(plan);
  }
  if (waits.length > 0) commands.push({ type: 'openWaits', waits });
  if (commands.length === 0) return;
  const outcome = await segment.commit(commands);
  const opened = [
    ...waits,
    ...commands.flatMap((command) => (command.type === 'delegate' ? [command.wait] : [])),
  ];
  if (outcome.kind === 'refused') await failUnaskable(segment, opened, outcome.error);
}

function delegating({ deps, log, definition }: Segment): Delegating {
  const { newChildRun, clock } = deps;
  return { newChildRun, state: log.state, definition, nowMs: clock.now() };
}

/** A call that is too big to be shown to anybody is not made: the model can make a smaller one. */
async function failUnaskable(segment: Segment, waits: readonly WaitBody[], refusal: Error): Promise<void> {
  const isTooLarge = refusal instanceof EngineError && refusal.code === 'payload_too_large';
  const isAllReady = waits.every((wait) => wait.kind !== 'in_doubt');
  if (!isTooLarge || !isAllReady || waits.length === 0) throw refusal;
  const error = { code: 'invalid_arguments', message: 'the arguments are too large to be shown to a person' };
  const outcome = await segment.commit(
    waits.flatMap(({ callId }) => (callId === null ? [] : [{ type: 'failCall' as const, callId, error }])),
  );
  if (outcome.kind === 'refused') throw outcome.error;
}

async function planAll(
  segment: Segment,
  calls: ReturnType<typeof actionableCalls>,
): Promise<{ callId: string; plan: CallPlan }[] | null> {
  const { log, limits, deps } = segment;
  const tools = await resolveTools(segment);
  if (tools === null) return null;
  const { remembered } = log.state;
  return calls.map((state) => ({
    callId: state.callId,
    plan: planCall({
      state,
      calls: log.transcript.calls,
      ...tools,
      remembered,
      callAttempts: limits.callAttempts,
      nowMs: deps.clock.now(),
    }),
  }));
}

/** Null when nothing may be begun any more. Tools that cannot be listed after some tries are as if they were not. */
async function resolveTools(
  segment: Segment,
): Promise<{ tools: readonly ResolvedTool[]; toolsProblem: string | null } | null> {
  for (let tries = 1; mayBegin(segment); tries += 1) {
    const result = await segment.toolbox.resolve(segment.stop);
    if (result.ok) return { tools: result.tools, toolsProblem: null };
    const { failure } = result;
    if (failure.kind === 'aborted') return null;
    if (failure.kind === 'terminal' || tries >= segment.limits.sendAttempts) {
      return { tools: [], toolsProblem: failure.message };
    }
    const { drain, deps } = segment;
    await deps.clock.sleep(retryDelayMs(tries, failure), drain);
  }
  return null;
}
