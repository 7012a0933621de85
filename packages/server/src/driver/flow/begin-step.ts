import {
  inputMessages,
  isJsonObject,
  type FlowStep,
  type HttpTool,
  type Json,
  type JsonObject,
  type RunError,
} from '@fermata/protocol';
import { requestOf } from '../../agent/flow/request-call.ts';
import { evaluateCondition, runScript } from '../../agent/flow/sandbox.ts';
import { renderJson, renderText } from '../../agent/flow/template.ts';
import type { Command, CommandOf, StepEnd } from '../../engine/commands.ts';
import { fallbackAfter } from './after-failure.ts';
import { REQUEST_TOOL, SLEEP_TOOL, pinnedAgent } from './step-agent.ts';
import { endsWith, failsWith, nextId, type StepAttempt } from './step-ends.ts';

/** An attempt that is to be begun, with what its templates and expressions know. */
export interface Beginning extends StepAttempt {
  variables: JsonObject;
  nowMs: number;
  signal: AbortSignal;
  /** `when` is asked: nothing of the step has been begun yet, or the run was reopened after it had failed. */
  isGuarded: boolean;
  /** As the log keeps it: what is too big for it is put elsewhere. */
  fit(output: Json): Promise<Json>;
}

/** What a step comes to be, before it has begun. */
type Prepared =
  | { kind: 'turns'; input: Json; unresolved: string[] }
  | { kind: 'call'; input: Json; tool: string; args: Json; unresolved: string[] }
  | { kind: 'done'; input: Json | null; output: Json | null; unresolved: string[] }
  | { kind: 'failed'; input: Json | null; error: RunError }
  /** Nobody knows whether it is to be carried out at all, so nothing is tried in its place. */
  | { kind: 'unguarded'; input: null; error: RunError };

/**
 * The commands that begin an attempt at a step, or that skip it. Steps that compute are computed here, before their
 * one commit. Empty when the signal has fired.
 */
export async function beginStep(beginning: Beginning): Promise<Command[]> {
  const { step, signal, isGuarded } = beginning;
  const skipped = isGuarded ? await skip(beginning) : null;
  if (signal.aborted) return [];
  if (skipped?.kind === 'skip') return [skipped.command];
  const prepared = skipped ?? (await prepare(beginning));
  return signal.aborted ? [] : [started(beginning, step, prepared, await fitted(beginning, prepared))];
}

/** The next request of a poll, or, with `intervalMs`, the time until then. `number`: of the last request, from 1. */
export async function beginRound(
  beginning: Beginning,
  step: FlowStep & { type: 'wait' },
  { number, intervalMs }: { number: number; intervalMs: number | null },
): Promise<Command[]> {
  const prepared =
    intervalMs === null
      ? pollRequest(beginning, step, number + 1)
      : sleep(beginning.nowMs + intervalMs, { poll: number });
  return [started(beginning, step, prepared, await fitted(beginning, prepared))];
}

async function skip(
  beginning: Beginning,
): Promise<{ kind: 'skip'; command: Command } | (Prepared & { kind: 'unguarded' }) | null> {
  const { step, variables, signal } = beginning;
  const because = (reason: string): { kind: 'skip'; command: Command } => {
    const next = nextId(beginning, 'skipped', null);
    return { kind: 'skip', command: { type: 'skipStep', stepId: step.id, reason, next } };
  };
  if (step.enabled === false) return because('disabled');
  if (step.when === undefined) return null;
  const result = await evaluateCondition(step.when, variables, { signal });
  if (!result.ok) return { kind: 'unguarded', input: null, error: result.error };
  return result.value === true ? null : because('when is not true');
}

async function prepare(beginning: Beginning): Promise<Prepared> {
  const { step, variables, failed, signal, nowMs } = beginning;
  const fallback = fallbackAfter(step, failed);
  if (fallback?.type === 'output') return doneWith(renderJson(fallback.output, variables));
  switch (step.type) {
    case 'agent':
      return turns(step, variables);
    case 'tool': {
      const args = renderJson(step.args ?? {}, variables);
      if (!args.ok) return { kind: 'failed', input: null, error: args.error };
      const { value, unresolved } = args;
      return { kind: 'call', input: value, tool: step.tool.name, args: value, unresolved };
    }
    case 'http':
      return request(step.request, variables, {});
    case 'transform': {
      const result = await runScript(step.script, variables, { signal });
      if (!result.ok) return { kind: 'failed', input: null, error: result.error };
      return { kind: 'done', input: null, output: result.value, unresolved: [] };
    }
    case 'condition': {
      const result = await evaluateCondition(step.condition, variables, { signal });
      if (!result.ok) return { kind: 'failed', input: null, error: result.error };
      return { kind: 'done', input: null, output: result.value, unresolved: [] };
    }
    case 'set':
      return doneWith(renderJson(step.value, variables));
    case 'send':
      return doneWith(renderText(step.text, variables));
    case 'wait':
      return step.poll === undefined ? delay(step, variables, nowMs) : pollRequest(beginning, step, 1);
  }
}

function doneWith(rendered: ReturnType<typeof renderJson>): Prepared {
  if (!rendered.ok) return { kind: 'failed', input: null, error: rendered.error };
  return { kind: 'done', input: null, output: rendered.value, unresolved: rendered.unresolved };
}

/** Instructions, messages and prompt are rendered once, and stand in the log as the model is to see them. */
function turns(step: FlowStep & { type: 'agent' }, variables: JsonObject): Prepared {
  const { instructions } = pinnedAgent(step);
  const given = step.messages ?? (step.prompt === undefined ? '{{messages}}' : []);
  const rendered = renderJson({ messages: given }, variables);
  if (!rendered.ok) return { kind: 'failed', input: null, error: rendered.error };
  const texts = renderTexts({ instructions, prompt: step.prompt }, variables);
  if (!texts.ok) return { kind: 'failed', input: null, error: texts.error };
  const messages = isJsonObject(rendered.value) ? rendered.value['messages'] : undefined;
  const said = [
    ...(Array.isArray(messages) && messages.length === 0 ? [] : inputMessages(asMessages(messages))),
    ...(texts.value.prompt === undefined ? [] : inputMessages(texts.value.prompt)),
  ];
  if (said.length === 0) {
    const error = {
      code: 'invalid_request',
      message: 'there is neither a prompt nor a message for the model',
    };
    return { kind: 'failed', input: null, error };
  }
  // A message has nothing but JSON in it.
  const input = { ...texts.value, messages: said as unknown as Json };
  const unresolved = [...new Set([...rendered.unresolved, ...texts.unresolved])];
  return { kind: 'turns', input, unresolved };
}

/** A list of messages, or one of them; anything else is what a user says. */
function asMessages(given: Json | undefined): Json | undefined {
  if (Array.isArray(given)) return { messages: given };
  return isJsonObject(given) && 'content' in given ? { messages: [given] } : given;
}

type Texts = { instructions?: string; prompt?: string };

function renderTexts(
  templates: Record<keyof Texts, string | undefined>,
  variables: JsonObject,
): { ok: true; value: Texts; unresolved: string[] } | { ok: false; error: RunError } {
  const value: Texts = {};
  const unresolved: string[] = [];
  for (const name of ['instructions', 'prompt'] as const) {
    const template = templates[name];
    if (template === undefined) continue;
    const rendered = renderText(template, variables);
    if (!rendered.ok) return rendered;
    value[name] = rendered.value;
    unresolved.push(...rendered.unresolved);
  }
  return { ok: true, value, unresolved };
}

/** The request with its arguments; what makes it of them stands in the input. */
function request(http: HttpTool, variables: JsonObject, more: JsonObject): Prepared {
  const rendered = requestOf(http, variables);
  if (!rendered.ok) return { kind: 'failed', input: null, error: rendered.error };
  const { value, unresolved } = rendered;
  const input = { ...more, request: value.http as unknown as Json };
  return { kind: 'call', input, tool: REQUEST_TOOL, args: value.args, unresolved };
}

function pollRequest(
  { variables }: Pick<Beginning, 'variables'>,
  { poll }: FlowStep & { type: 'wait' },
  number: number,
): Prepared {
  if (poll === undefined) throw new Error('the step asks nobody');
  return request(poll.request, variables, { poll: number });
}

function delay(step: FlowStep & { type: 'wait' }, variables: JsonObject, nowMs: number): Prepared {
  const isUntil = step.until !== undefined;
  const template = step.until ?? step.delayMs ?? 0;
  const rendered =
    typeof template === 'number'
      ? { ok: true as const, value: String(template), unresolved: [] }
      : renderText(template, variables);
  if (!rendered.ok) return { kind: 'failed', input: null, error: rendered.error };
  const text = rendered.value.trim();
  const ms = isUntil ? Date.parse(text) : text === '' ? Number.NaN : nowMs + Number(text);
  if (Number.isNaN(new Date(ms).getTime())) {
    const what = isUntil ? 'an RFC 3339 time' : 'a number of milliseconds';
    return {
      kind: 'failed',
      input: null,
      error: { code: 'invalid_request', message: `"${text}" is not ${what}` },
    };
  }
  return { ...sleep(ms, {}), unresolved: rendered.unresolved };
}

/** A time that has passed is as good as now: the wait is over as soon as it is open. */
function sleep(untilMs: number, more: JsonObject): Prepared & { kind: 'call' } {
  const args = { until: new Date(untilMs).toISOString() };
  return { kind: 'call', input: { ...more, ...args }, tool: SLEEP_TOOL, args, unresolved: [] };
}

/** The end of a step that was computed. */
async function fitted(beginning: Beginning, prepared: Prepared): Promise<StepEnd[]> {
  if (prepared.kind === 'failed') return [failsWith(beginning, prepared.error)];
  if (prepared.kind === 'unguarded') return [failsWith({ ...beginning, failed: Infinity }, prepared.error)];
  if (prepared.kind !== 'done') return [];
  const { output, unresolved } = prepared;
  return endsWith(beginning, output === null ? null : await beginning.fit(output), unresolved);
}

function started(
  { attempt }: Beginning,
  step: FlowStep,
  prepared: Prepared,
  ends: readonly StepEnd[],
): CommandOf<'startStep'> {
  const { input } = prepared;
  const begun = { type: 'startStep' as const, stepId: step.id, attempt, input };
  switch (prepared.kind) {
    case 'turns':
      return { ...begun, ...told(prepared.unresolved), work: { kind: 'turns' } };
    case 'call': {
      const { tool, args } = prepared;
      return { ...begun, ...told(prepared.unresolved), work: { kind: 'call', tool, args } };
    }
    case 'done':
    case 'failed':
    case 'unguarded':
      return { ...begun, work: { kind: 'own', then: ends } };
  }
}

function told(unresolved: string[]): { unresolved?: string[] } {
  return unresolved.length === 0 ? {} : { unresolved };
}
