import { isJsonObject, type Json, type JsonObject, type Limits, type Part } from '@fermata/protocol';
import { v4 } from 'uuid';
import type { StartRun } from '../../engine/facade.ts';
import { storeAttachments } from './attachments.ts';
import { badRequest, WireError } from './errors.ts';
import type { ShannonEcho } from './encode.ts';
import { planTool } from './plan-tool.ts';
import type { ShannonRequest } from './route.ts';
import { found, isUuid } from './task-id.ts';
import { MODES, PROVIDERS, STRATEGIES, TIERS } from './wire.ts';

const SESSION_ID = /^[\w:.-]{1,128}$/;
/** The run keeps what must be echoed; more than this does not fit beside it. */
const MAX_CONTEXT_BYTES = 56 * 1024;
const MAX_REVIEW_SECONDS = 900;

/** What the modes and strategies of Shannon come to here: a tier of models, and how far a run may go. */
const MODE_TIER: Readonly<Record<string, string>> = {
  simple: 'small',
  standard: 'medium',
  complex: 'large',
  supervisor: 'large',
};
const STRATEGY: Readonly<Record<string, { tier: string; maxTurns: number }>> = {
  quick: { tier: 'small', maxTurns: 10 },
  standard: { tier: 'medium', maxTurns: 25 },
  deep: { tier: 'large', maxTurns: 50 },
  academic: { tier: 'large', maxTurns: 80 },
};

/** A submitted task, checked: the run to start, and the session that it belongs to. */
export interface SubmittedTask {
  start: StartRun;
  sessionId: string;
}

/** Reads the body of a submit. Throws the 400s of the wire, in its order. */
export async function decodeSubmit(request: ShannonRequest, body: JsonObject): Promise<SubmittedTask> {
  const context = isJsonObject(body['context']) ? body['context'] : {};
  const attachments = Array.isArray(context['attachments']) ? context['attachments'] : [];
  const query = textMember(body, 'query').trim();
  if (query === '' && attachments.length === 0) throw badRequest('Query is required');
  const options = readOptions(body, context);
  const sessionId = sessionIdOf(textMember(body, 'session_id'));
  const shown = query === '' ? '[User sent file attachments]' : query;
  const { attachments: _attachments, ...kept } = context;
  const echo: ShannonEcho = {
    query: shown,
    sessionId,
    mode: options.mode,
    context: withOptions(kept, body, attachments.length),
    isReviewed: options.isReviewed,
  };
  if (Buffer.byteLength(JSON.stringify(echo)) > MAX_CONTEXT_BYTES) {
    throw new WireError(413, { error: 'context too large' });
  }
  const parts: Part[] = [{ type: 'text', text: shown }, ...(await storeAttachments(request, attachments))];
  const agent = await agentOf(request, context, options);
  const model = modelOf(request, options);
  return {
    sessionId,
    start: {
      ...agent,
      ...(model === undefined ? {} : { model }),
      input: inputOf(context, parts),
      kind: 'agent',
      ...(isUuid(sessionId) ? { sessionId: sessionId.toLowerCase() } : { sessionKey: sessionId }),
      limits: limitsOf(options),
      face: { shannon: { ...echo } },
      ...(request.traceparent === undefined ? {} : { traceparent: request.traceparent }),
    },
  };
}

interface SubmitOptions {
  mode: string | null;
  tier: string | null;
  model: string | null;
  provider: string | null;
  strategy: string | null;
  maxIterations: number | null;
  isReviewed: boolean;
  reviewSeconds: number | null;
}

function readOptions(body: JsonObject, context: JsonObject): SubmitOptions {
  const member = (name: string): string => textMember(body, name) || textMember(context, name);
  const mode = oneOf(textMember(body, 'mode'), MODES, 'mode');
  const tier = oneOf(member('model_tier'), TIERS, 'model_tier');
  const provider = textMember(body, 'provider_override');
  if (provider !== '' && !PROVIDERS.includes(provider)) {
    throw badRequest(`Invalid provider_override: ${provider} (allowed: ${PROVIDERS.join(', ')})`);
  }
  const strategy = oneOf(textMember(body, 'research_strategy'), STRATEGIES, 'research_strategy');
  const maxIterations = integerIn(body, 'max_iterations', 1, 50);
  integerIn(body, 'max_concurrent_agents', 1, 20);
  const model = member('model_override');
  if (context['disable_ai'] === true && (tier !== null || model !== '')) {
    throw badRequest('disable_ai=true conflicts with model_tier/model_override');
  }
  const skill = textMember(body, 'skill');
  if (skill !== '') throw badRequest(`Unknown skill: ${skill}`);
  const isAsked = context['require_review'] === true || context['review_plan'] === 'manual';
  return {
    mode,
    tier,
    model: model === '' ? null : model,
    provider: provider === '' ? null : provider,
    strategy,
    maxIterations,
    isReviewed: context['force_research'] === true && isAsked,
    reviewSeconds: reviewSecondsOf(context['review_timeout']),
  };
}

function oneOf(value: string, allowed: readonly string[], name: string): string | null {
  if (value === '') return null;
  if (!allowed.includes(value)) throw badRequest(`Invalid ${name} (allowed: ${allowed.join(', ')})`);
  return value;
}

function integerIn(body: JsonObject, name: string, min: number, max: number): number | null {
  const value = body[name];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw badRequest(`Invalid request body: ${name} must be an integer`);
  }
  if (value < min || value > max) throw badRequest(`${name} out of range (${min}..${max})`);
  return value;
}

function textMember(body: JsonObject, name: string): string {
  const value = body[name];
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw badRequest(`Invalid request body: ${name} must be a string`);
  return value;
}

function reviewSecondsOf(value: Json | undefined): number | null {
  const seconds = Number(value);
  return value === undefined || value === null || !(seconds > 0)
    ? null
    : Math.min(seconds, MAX_REVIEW_SECONDS);
}

function sessionIdOf(given: string): string {
  if (given === '') return v4();
  if (!SESSION_ID.test(given)) throw badRequest('Invalid session_id format');
  return given;
}

/** Top-level options are copied into the context, where Shannon's own clients look for them. */
function withOptions(context: JsonObject, body: JsonObject, attachments: number): JsonObject {
  const copied: JsonObject = {};
  for (const name of [
    'model_tier',
    'model_override',
    'provider_override',
    'research_strategy',
    'max_iterations',
    'max_concurrent_agents',
    'enable_verification',
  ]) {
    const value = body[name];
    if (value !== undefined && value !== null && value !== '') copied[name] = value;
  }
  return { ...context, ...copied, ...(attachments === 0 ? {} : { attachment_count: attachments }) };
}

function modelOf({ options: { tiers } }: ShannonRequest, options: SubmitOptions): string | undefined {
  const { model, provider, strategy, mode } = options;
  if (model !== null) return provider === null || model.includes('/') ? model : `${provider}/${model}`;
  const tier =
    options.tier ??
    (strategy === null ? undefined : STRATEGY[strategy]?.tier) ??
    (mode === null ? undefined : MODE_TIER[mode]);
  return tier === undefined || tiers[tier] === undefined ? undefined : tier;
}

function limitsOf({ maxIterations, strategy }: SubmitOptions): Limits {
  const maxTurns = maxIterations ?? (strategy === null ? undefined : STRATEGY[strategy]?.maxTurns);
  return maxTurns === undefined ? {} : { maxTurns };
}

/** A template is a saved agent, by id or name. A reviewed task gets the tool that proposes plans beside its own. */
async function agentOf(
  request: ShannonRequest,
  context: JsonObject,
  options: SubmitOptions,
): Promise<Pick<StartRun, 'agentId' | 'tools'>> {
  const { engine, caller } = request;
  const template = textMember(context, 'template') || textMember(context, 'template_name');
  const saved = template === '' ? null : await savedAgent(request, template);
  const named = saved === null ? {} : { agentId: saved.id };
  if (!options.isReviewed) return named;
  const tools = (saved ?? (await engine.agents.defaultAgent(caller))).tools ?? [];
  const plan = planTool(options.reviewSeconds);
  return { ...named, tools: [...tools.filter((tool) => tool.name !== plan.name), plan] };
}

async function savedAgent(
  { engine, caller }: ShannonRequest,
  template: string,
): Promise<Awaited<ReturnType<typeof engine.agents.get>>> {
  const unknown = (): WireError => badRequest(`Unknown template: ${template}`);
  if (template.startsWith('agent_')) return found(engine.agents.get(caller, template), unknown);
  const { data } = await engine.agents.list(caller, { q: template, limit: 100 });
  const match = data.find((agent) => agent.name === template);
  if (match === undefined) throw unknown();
  return match;
}

/** A history that the client brings along comes before the task itself. */
function inputOf(context: JsonObject, parts: Part[]): Json {
  const history = Array.isArray(context['history']) ? context['history'].flatMap(historyMessage) : [];
  const content =
    parts.length === 1 && parts[0]?.type === 'text' ? parts[0].text : (parts as unknown as Json);
  return history.length === 0 && typeof content === 'string'
    ? content
    : { messages: [...history, { role: 'user', content }] };
}

function historyMessage(entry: Json): JsonObject[] {
  if (!isJsonObject(entry)) return [];
  const { role, content } = entry;
  const isSpoken = role === 'user' || role === 'assistant';
  return isSpoken && typeof content === 'string' && content !== '' ? [{ role, content }] : [];
}
