import type { ModelSettings, Reasoning } from '@fermata/protocol';
import type { streamText, ToolChoice, ToolSet } from 'ai';
import type { ModelRequest } from './model-request.ts';
import type { ProviderModel, ProviderOptions } from './provider-clients.ts';
import { decodeSignature } from './reasoning-signature.ts';

type CallSettings = Pick<
  Parameters<typeof streamText<ToolSet>>[0],
  | 'temperature'
  | 'topP'
  | 'topK'
  | 'frequencyPenalty'
  | 'presencePenalty'
  | 'seed'
  | 'maxOutputTokens'
  | 'toolChoice'
  | 'providerOptions'
>;

type Effort = NonNullable<Exclude<Reasoning, boolean>['effort']>;

/** What the agent says of its model calls, as the SDK and the provider take it; nothing for what it does not say. */
export function callSettings(target: ProviderModel, request: ModelRequest): CallSettings {
  const { reasoning, ...settings } = request.settings ?? {};
  const toolChoice = toolChoiceOf(request);
  return {
    ...given(settings),
    ...(toolChoice === undefined ? {} : { toolChoice }),
    providerOptions: merged(target.options, ownOptions(target, request, reasoning)),
  };
}

function given(settings: Omit<ModelSettings, 'reasoning'>): Omit<CallSettings, 'toolChoice'> {
  const { temperature, topP, topK, frequencyPenalty, presencePenalty, seed, maxOutputTokens } = settings;
  return {
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(frequencyPenalty === undefined ? {} : { frequencyPenalty }),
    ...(presencePenalty === undefined ? {} : { presencePenalty }),
    ...(seed === undefined ? {} : { seed }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  };
}

/** Nothing can be required of a model that has no tools. */
function toolChoiceOf({ toolChoice, tools }: ModelRequest): ToolChoice<ToolSet> | undefined {
  if (toolChoice === undefined || tools.length === 0) return undefined;
  return typeof toolChoice === 'string' ? toolChoice : { type: 'tool', toolName: toolChoice.tool };
}

function merged(base: ProviderOptions, own: ProviderOptions): ProviderOptions {
  const all = { ...base };
  for (const [name, options] of Object.entries(own)) all[name] = { ...all[name], ...options };
  return all;
}

function ownOptions(
  target: ProviderModel,
  request: ModelRequest,
  reasoning: Reasoning | undefined,
): ProviderOptions {
  const parallel = request.parallelToolCalls;
  switch (target.namespace) {
    case 'openai': {
      const reasoningEffort = openAiEffort(target.id, reasoning);
      return {
        openai: {
          ...(parallel === undefined ? {} : { parallelToolCalls: parallel }),
          ...(reasoningEffort === null ? {} : { reasoningEffort }),
        },
      };
    }
    case 'anthropic':
      return {
        anthropic: {
          ...(parallel === undefined ? {} : { disableParallelToolUse: !parallel }),
          ...anthropicThinking(target.id, request, reasoning),
        },
      };
    case 'google': {
      const thinkingConfig = googleThinking(target.id, reasoning);
      return { google: thinkingConfig === null ? {} : { thinkingConfig } };
    }
    default: {
      const effort = reasoning === undefined || reasoning === false ? null : effortOf(reasoning);
      return {
        [target.namespace]: {
          // The package passes on what it does not know itself.
          ...(parallel === undefined ? {} : { parallel_tool_calls: parallel }),
          ...(effort === null ? {} : { reasoningEffort: effort }),
        },
      };
    }
  }
}

/** A budget stands for the effort that comes nearest to it, where the provider counts no tokens. */
function effortOf(reasoning: Exclude<Reasoning, false>): Effort {
  if (reasoning === true) return 'medium';
  const { effort, budgetTokens } = reasoning;
  if (effort !== undefined || budgetTokens === undefined) return effort ?? 'medium';
  return EFFORTS.findLast((name) => BUDGETS[name] <= budgetTokens) ?? 'minimal';
}

const EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh'] as const;
const BUDGETS: Readonly<Record<Effort, number>> = {
  minimal: 1_024,
  low: 4_096,
  medium: 10_000,
  high: 24_000,
  xhigh: 48_000,
};

/** Anthropic takes no less. */
const MIN_BUDGET = 1_024;

function budgetOf(reasoning: Exclude<Reasoning, false>): number {
  const asked = typeof reasoning === 'object' ? reasoning.budgetTokens : undefined;
  return Math.max(MIN_BUDGET, asked ?? BUDGETS[effortOf(reasoning)]);
}

/** `none` is known from GPT 5.1 on, `minimal` is the least before; older models do not think, or cannot help it. */
function openAiEffort(model: string, reasoning: Reasoning | undefined): Effort | 'none' | null {
  if (reasoning === undefined) return null;
  if (reasoning !== false) return effortOf(reasoning);
  if (/^gpt-5\.\d/.test(model)) return 'none';
  return /^gpt-5(-|$)/.test(model) ? 'minimal' : null;
}

/**
 * Thinking is left out where the provider would refuse it: together with a tool that the model must call, and, but
 * for models that decide themselves, after an answer with calls that was given without thoughts of its own.
 */
function anthropicThinking(
  model: string,
  request: ModelRequest,
  reasoning: Reasoning | undefined,
): ProviderOptions[string] {
  if (reasoning === undefined) return {};
  const choice = toolChoiceOf(request);
  const isForced = choice === 'required' || typeof choice === 'object';
  const isAdaptive = ADAPTIVE.test(model);
  if (reasoning === false || isForced || (!isAdaptive && hasCallsWithoutThoughts(request))) {
    return { thinking: { type: 'disabled' } };
  }
  if (!isAdaptive) return { thinking: { type: 'enabled', budgetTokens: budgetOf(reasoning) } };
  const effort = effortOf(reasoning);
  return {
    thinking: { type: 'adaptive', display: 'summarized' },
    effort: effort === 'minimal' ? 'low' : effort,
  };
}

/** Claude models that decide themselves how much they think, within an effort; the newest take no budget. */
const ADAPTIVE = /claude-[a-z]+-(4-[6-9]|[5-9])(?!\d)/;

function hasCallsWithoutThoughts({ messages }: ModelRequest): boolean {
  const last = messages.findLast(({ role }) => role === 'assistant');
  if (last === undefined || last.calls.length === 0) return false;
  return !last.parts.some(
    (part) => part.type === 'reasoning' && decodeSignature(part.signature, 'anthropic') !== null,
  );
}

/** Gemini 3 takes a level, Gemini 2.5 a budget, which of these only Flash lets be none. */
function googleThinking(
  model: string,
  reasoning: Reasoning | undefined,
): { includeThoughts?: boolean; thinkingBudget?: number; thinkingLevel?: string } | null {
  if (reasoning === undefined) return null;
  const isFlash = model.includes('flash');
  if (/gemini-[3-9]/.test(model)) {
    const least = isFlash ? 'minimal' : 'low';
    if (reasoning === false) return { thinkingLevel: least };
    // Not every model of the family has a medium level, and each has a level of its own.
    if (reasoning === true) return { includeThoughts: true };
    const effort = effortOf(reasoning);
    const level = effort === 'xhigh' ? 'high' : effort === 'minimal' ? least : effort;
    return { includeThoughts: true, thinkingLevel: level };
  }
  if (reasoning === false) return isFlash ? { thinkingBudget: 0 } : null;
  return { includeThoughts: true, thinkingBudget: Math.min(MAX_GOOGLE_BUDGET, budgetOf(reasoning)) };
}

const MAX_GOOGLE_BUDGET = 24_576;
