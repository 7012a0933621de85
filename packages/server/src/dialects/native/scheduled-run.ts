import type { StartRunBody } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import type { ScheduledRun } from '../../engine/facade-sessions.ts';
import { checkAgent } from './checked-agent.ts';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import { assertFitsEvent, storeInput } from './stored-content.ts';

/** The run of a schedule, checked as startRun checks it, so that it does not fail only when it fires. */
export async function scheduledRun(
  store: { engine: Engine; caller: Caller },
  body: StartRunBody,
  path: string,
): Promise<ScheduledRun> {
  const {
    agent,
    flow,
    input,
    key: _key,
    startAt: _startAt,
    secrets: _secrets,
    webhooks: _webhooks,
    ...rest
  } = body;
  if (flow !== undefined) throw new EngineError('not_supported', 'Schedules start agents only.');
  const inline = typeof agent === 'string' ? undefined : agent;
  if (inline !== undefined) checkAgent(inline, `${path}.agent`);
  checkAgent({ tools: rest.tools }, path);
  if (typeof agent === 'string') await store.engine.agents.get(store.caller, agent);
  const stored = await storeInput(store, input, `${path}.input`);
  assertFitsEvent({ ...rest, agent, input: stored }, path);
  return {
    ...rest,
    ...(typeof agent === 'string' ? { agentId: agent } : {}),
    ...(inline === undefined ? {} : { agent: inline }),
    ...(stored === undefined ? {} : { input: stored }),
  };
}
