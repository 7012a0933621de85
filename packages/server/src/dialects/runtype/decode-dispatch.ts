import {
  isJsonObject,
  textOf,
  type FlowFields,
  type Json,
  type JsonObject,
  type Tool,
} from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine, StartRun } from '../../engine/facade.ts';
import { isClientSession } from './client-access.ts';
import { decodeClientTools, type DecodedClientTools } from './client-tools.ts';
import { decodeAgent } from './decode-agent.ts';
import { decodeFlow } from './decode-flow.ts';
import type { FlowDecoding } from './decode-step.ts';
import { assertFits, decodeMessages, type DecodedMessage } from './decode-messages.ts';
import { invalidMember, RuntypeError } from './errors.ts';
import type { RuntypeEcho } from './face-data.ts';
import { fillNames } from './fill-names.ts';
import { readMember } from './validation.ts';
import { wireAgentSchema, type WireAgent } from './wire-agent.ts';
import { wireFlowSchema, type WireFlow } from './wire-flow.ts';
import type { DispatchBody } from './wire-dispatch.ts';

interface Source {
  engine: Engine;
  caller: Caller;
  traceparent: string | null;
}

/** Room for the rest of a run's `face`, bytes. */
const MAX_ECHO_BYTES = 56 * 1024;

/** The run that a dispatch starts. Throws what the request is refused with, before anything has run. */
export async function decodeDispatch(source: Source, body: DispatchBody): Promise<StartRun> {
  const messages = await decodeMessages(source, body.messages);
  const variables = variablesOf(source, body, messages);
  const allowlist = body.clientToolsPolicy?.allowlist ?? null;
  const clientTools = decodeClientTools(body.clientTools ?? [], allowlist);
  const parts = { messages, variables, clientTools };
  const flow = await namedFlow(source, body);
  return flow === null ? decodeAgentRun(source, body, parts) : decodeFlowRun(source, body, parts, flow);
}

type NamedFlow = { wire: WireFlow } | { flowId: string } | { flow: FlowFields };

/** The flow that the request names, or that the server has for requests that name nothing; null: an agent. */
async function namedFlow(
  { engine, caller }: Source,
  { flow, flowId, agent }: DispatchBody,
): Promise<NamedFlow | null> {
  if (flow !== undefined && agent !== undefined) throw invalidMember('flow', 'give either agent or flow');
  if (flow === undefined && flowId === undefined) {
    return agent === undefined ? engine.flows.defaultFlow(caller) : null;
  }
  if (flow === undefined) return { flowId: flowId ?? '' };
  const wire = readMember(wireFlowSchema, flow, 'flow');
  if (wire.steps !== undefined) return { wire };
  const id = wire.id ?? flowId;
  if (id === undefined) throw new RuntypeError('invalid_request', 'flow.steps: Required', { status: 422 });
  return { flowId: id };
}

function decodeFlowRun(source: Source, body: DispatchBody, parts: Parts, named: NamedFlow): StartRun {
  const { messages, variables, clientTools } = parts;
  const { tools, info: declared } = clientTools;
  const decoding: FlowDecoding = { secrets: {}, tools, clientTools: declared, info: {} };
  const target = 'wire' in named ? { flow: decodeFlow(named.wire, decoding) } : named;
  const input = {
    ...variables,
    messages: messages.map(({ role, parts: content }) => ({ role, content: contentOf(content) })),
  };
  assertFits({ input, metadata: body.metadata }, 'body');
  return {
    ...commonOf(source, body, { ...decoding.info, ...declared }),
    ...target,
    ...(tools.length === 0 ? {} : { stepTools: tools }),
    ...secretsOf(body, decoding.secrets),
    kind: 'flow',
    input,
  };
}

interface Parts {
  messages: readonly DecodedMessage[];
  variables: JsonObject;
  clientTools: DecodedClientTools;
}

async function decodeAgentRun(source: Source, body: DispatchBody, parts: Parts): Promise<StartRun> {
  const { messages, variables, clientTools } = parts;
  if (messages.length === 0) throw invalidMember('messages', 'Required', 'MISSING_REQUIRED_FIELD');
  const wire = readAgent(body.agent);
  const savedId = wire?.agentId ?? wire?.id;
  const isInline = wire !== undefined && savedId === undefined;
  const inline = isInline ? decodeAgent(wire, variables) : null;
  const saved =
    savedId === undefined
      ? inline === null
        ? await source.engine.agents.defaultAgent(source.caller)
        : null
      : await savedAgent(source, savedId);
  const own = inline?.fields ?? saved ?? {};
  const declared = clientTools.tools;
  const tools = withClientTools(own.tools ?? [], declared, isClientSession(source.caller));
  const instructions = inline === null ? filled(saved?.instructions, variables) : undefined;
  // A tool that the server carries out must not be shown by the name that a page gives to one it may not replace.
  const page = Object.entries(clientTools.info).filter(([name]) =>
    tools.some((tool) => tool.name === name && tool.type === 'client'),
  );
  const info = { ...inline?.info, ...Object.fromEntries(page) };
  const input = inputOf(body, messages);
  assertFits({ input, agent: inline?.fields, tools, metadata: body.metadata }, 'body');
  return {
    ...commonOf(source, body, info),
    ...(savedId === undefined ? {} : { agentId: savedId }),
    ...(inline === null ? {} : { agent: inline.fields }),
    ...(declared.length === 0 ? {} : { tools }),
    ...(instructions === undefined ? {} : { instructions }),
    ...secretsOf(body, inline?.secrets ?? {}),
    kind: 'agent',
    input,
    ...sessionOf(body, savedId, messages),
  };
}

function readAgent(agent: JsonObject | undefined): WireAgent | undefined {
  return agent === undefined ? undefined : readMember(wireAgentSchema, agent, 'agent');
}

async function savedAgent(
  { engine, caller }: Source,
  agentId: string,
): Promise<Awaited<ReturnType<Engine['agents']['get']>>> {
  try {
    return await engine.agents.get(caller, agentId);
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'not_found') throw error;
    throw new RuntypeError('not_found', `Agent not found: ${agentId}`);
  }
}

/** What is common to agents and flows. */
export function commonOf(
  { traceparent }: Pick<Source, 'traceparent'>,
  body: DispatchBody,
  clientTools: NonNullable<RuntypeEcho['clientTools']>,
): StartRun {
  const echo: RuntypeEcho = {
    ...(Object.keys(clientTools).length === 0 ? {} : { clientTools }),
    ...(body.conversationId === undefined ? {} : { conversationId: body.conversationId }),
    ...(body.record === undefined ? {} : { record: body.record }),
    ...(body.context === undefined ? {} : { context: body.context }),
  };
  assertFits(echo, 'context', MAX_ECHO_BYTES);
  const { modelOverride } = body.options;
  return {
    ...(modelOverride === undefined ? {} : { model: modelOverride }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
    ...(Object.keys(echo).length === 0 ? {} : { face: { runtype: { ...echo } } }),
    ...(traceparent === null ? {} : { traceparent }),
  };
}

/**
 * Later declarations win: saved tools, those of the request, those of the page. Source: wire section 6.1. Not so for a
 * visitor, who would forge the results of the target's own tools: there these win.
 */
function withClientTools(tools: readonly Tool[], clientTools: readonly Tool[], isVisitor: boolean): Tool[] {
  if (isVisitor) {
    const own = new Set(tools.map(({ name }) => name));
    return [...tools, ...clientTools.filter(({ name }) => !own.has(name))];
  }
  const taken = new Set(clientTools.map(({ name }) => name));
  return [...tools.filter(({ name }) => !taken.has(name)), ...clientTools];
}

function secretsOf(body: DispatchBody, own: Record<string, string>): Pick<StartRun, 'secrets'> {
  const secrets = { ...body.secrets, ...own };
  return Object.keys(secrets).length === 0 ? {} : { secrets };
}

function filled(instructions: string | undefined, variables: JsonObject): string | undefined {
  if (instructions === undefined) return undefined;
  const text = fillNames(instructions, variables, 'kept');
  return text === instructions ? undefined : text;
}

function inputOf(body: DispatchBody, messages: readonly DecodedMessage[]): Json {
  const metadata = body.record?.['metadata'];
  const note =
    body.options.autoAppendMetadata === true && isJsonObject(metadata ?? null)
      ? [{ role: 'system', content: `Record metadata: ${JSON.stringify(metadata)}` }]
      : [];
  return { messages: [...note, ...messages.map(({ role, parts }) => ({ role, content: contentOf(parts) }))] };
}

export function contentOf(parts: DecodedMessage['parts']): Json {
  const [first] = parts;
  return parts.length === 1 && first?.type === 'text' ? first.text : (parts as unknown as Json);
}

/**
 * What templates know besides outputs of steps. The request's own say who asks and for which agent: no input can pose
 * as them. Source: wire section 7.3.
 */
export function variablesOf(
  { caller }: Pick<Source, 'caller'>,
  body: DispatchBody,
  messages: readonly DecodedMessage[],
): JsonObject {
  const agentId = body.agent?.['agentId'] ?? body.agent?.['id'] ?? null;
  const last = messages.findLast(({ role }) => role === 'user');
  const text = last === undefined ? '' : textOf(last.parts);
  return {
    ...body.inputs,
    ...(body.record === undefined ? {} : { _record: body.record }),
    _user: { id: caller.principalId },
    _agent: { id: agentId },
    user_message: text,
    userMessage: text,
  };
}

/** A conversation of the host's goes on from what the server knows only when the request brings nothing of it along. */
function sessionOf(
  { conversationId }: DispatchBody,
  savedId: string | undefined,
  messages: readonly DecodedMessage[],
): Pick<StartRun, 'sessionKey'> {
  const isDurable = conversationId !== undefined && savedId !== undefined && messages.length === 1;
  return isDurable ? { sessionKey: `runtype:${conversationId}`.slice(0, 200) } : {};
}
