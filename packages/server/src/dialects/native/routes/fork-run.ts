import {
  agentFieldsSchema,
  forkRunBodySchema,
  forkRunParamsSchema,
  forkRunReplySchema,
  type AgentFields,
  type ForkRunBody,
} from '@fermata/protocol';
import type { Caller } from '../../../engine/caller.ts';
import type { Engine } from '../../../engine/facade.ts';
import { defineOperation } from '../../../http/route.ts';
import { checkAgent } from '../checked-agent.ts';
import { storeMessages } from '../stored-content.ts';

export const forkRun = defineOperation({
  operationId: 'forkRun',
  method: 'POST',
  path: '/runs/{runId}/fork',
  tag: 'Runs',
  role: 'developer',
  summary: 'Fork a run',
  description: 'A new run from the log up to a seq or checkpoint; the original is not touched.',
  params: forkRunParamsSchema,
  body: forkRunBodySchema,
  replies: { 201: { description: 'The new run', schema: forkRunReplySchema } },
  errors: ['not_found', 'invalid_transition', 'wait_closed', 'digest_required', 'digest_mismatch'],
  handle: async ({ engine, caller, params, body, basePath, command }) => {
    const { agent, messages, ...rest } = body;
    const fields = await agentFieldsOf(engine, caller, agent);
    const stored = await storeMessages({ engine, caller }, messages, 'body.messages');
    return command(
      (options) =>
        engine.runs.fork(caller, params.runId, { ...rest, agent: fields, messages: stored }, options),
      ({ run }) => ({ status: 201, body: run, headers: { location: `${basePath}/runs/${run.id}` } }),
    );
  },
});

async function agentFieldsOf(
  engine: Engine,
  caller: Caller,
  agent: ForkRunBody['agent'],
): Promise<AgentFields | undefined> {
  if (typeof agent !== 'string') {
    if (agent !== undefined) checkAgent(agent, 'body.agent');
    return agent;
  }
  const saved = await engine.agents.get(caller, agent);
  const names = Object.keys(agentFieldsSchema.shape);
  return agentFieldsSchema.parse(
    Object.fromEntries(Object.entries(saved).filter(([key]) => names.includes(key))),
  );
}
