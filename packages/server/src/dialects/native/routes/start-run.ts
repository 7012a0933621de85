import {
  isJsonObject,
  runEventSchema,
  startRunBodySchema,
  startRunQuerySchema,
  startRunReplySchema,
  type Json,
  type Run,
  type StartRunBody,
} from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import type { StartRun } from '../../../engine/facade.ts';
import {
  defineOperation,
  type CommandReply,
  type OperationReply,
  type OperationRequest,
} from '../../../http/route.ts';
import type { z } from 'zod';
import { checkAgent } from '../checked-agent.ts';
import { checkSteps } from '../checked-flow.ts';
import { openEventStream } from '../event-stream.ts';
import { assertFitsEvent, storeInput } from '../stored-content.ts';

type Query = z.output<typeof startRunQuerySchema>;
type Request = OperationRequest<unknown, Query, StartRunBody>;

export const startRun = defineOperation({
  operationId: 'startRun',
  method: 'POST',
  path: '/runs',
  tag: 'Runs',
  role: 'developer',
  summary: 'Start a run',
  description:
    '`{"input": "hello"}` is a full request. With `Accept: text/event-stream` the reply is the run’s events until it is parked (or as `until` says), with its id in `Location` and `Fermata-Run-Id`.',
  query: startRunQuerySchema,
  body: startRunBodySchema,
  example: { input: 'hello' },
  replies: {
    201: { description: 'The new run', schema: startRunReplySchema, stream: runEventSchema },
    200: {
      description: 'The run that has this `key` already',
      schema: startRunReplySchema,
      stream: runEventSchema,
    },
  },
  errors: ['not_found', 'not_configured', 'not_supported', 'already_exists', 'quota_exceeded'],
  handle: async (request) => {
    const start = await startOf(request);
    const reply = await request.command(
      (options) => request.engine.runs.start(request.caller, start, options),
      ({ run, created }) => runReply(request, run, created ? 201 : 200),
    );
    return request.wantsStream ? streamed(request, reply.status, reply.body) : reply;
  },
  replay: async (stored, request) => {
    const body: Json = JSON.parse(stored.body);
    if (request.wantsStream) return streamed(request, stored.status, body);
    return { status: stored.status, body, headers: locationOf(request, runIdOf(body)) };
  },
});

async function startOf({ engine, caller, body, traceparent }: Request): Promise<StartRun> {
  const { agent, flow, input, secrets, webhooks, ...rest } = body;
  if (webhooks !== undefined) throw new EngineError('not_supported', 'Webhooks are not supported yet.');
  const inline = typeof agent === 'string' ? undefined : agent;
  if (inline !== undefined) checkAgent(inline, 'body.agent');
  checkAgent({ tools: rest.tools }, 'body');
  const stored = await storeInput({ engine, caller }, input, 'body.input');
  assertFitsEvent({ ...rest, agent, flow, input: stored }, 'body');
  const inlineFlow = typeof flow === 'string' ? undefined : flow;
  if (inlineFlow !== undefined) await checkSteps(engine, inlineFlow.steps, 'body.flow.steps');
  return {
    ...rest,
    agentId: typeof agent === 'string' ? agent : undefined,
    agent: inline,
    flowId: typeof flow === 'string' ? flow : undefined,
    flow: inlineFlow,
    input: stored,
    secrets,
    traceparent: traceparent ?? undefined,
  };
}

function runReply(request: Request, run: Run, status: number): CommandReply {
  return { status, body: run, headers: locationOf(request, run.id) };
}

function locationOf({ basePath }: Request, runId: string): Record<string, string> {
  return { location: `${basePath}/runs/${runId}`, 'fermata-run-id': runId };
}

/** The run's events from its first; also for a replayed start. */
async function streamed(request: Request, status: number, body: unknown): Promise<OperationReply> {
  const runId = runIdOf(body);
  const stream = await openEventStream({
    engine: request.engine,
    caller: request.caller,
    runId,
    after: 0,
    until: request.query.until ?? 'parked',
    signal: request.streamSignal(),
  });
  return { status, stream, headers: locationOf(request, runId) };
}

function runIdOf(body: unknown): string {
  if (isJsonObject(body) && typeof body['id'] === 'string') return body['id'];
  throw new Error('a started run has no id');
}
