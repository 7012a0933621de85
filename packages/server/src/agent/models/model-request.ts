import type {
  ApprovalPolicy,
  Json,
  JsonObject,
  ModelSettings,
  Part,
  ScriptTurn,
  Tool,
  ToolChoice,
  TranscriptMessage,
} from '@fermata/protocol';
import type { StepFailure } from '../failure.ts';

/** A tool as a model sees it. `type` and `approval` are for the ready-made scripts alone. */
export interface ModelTool {
  name: string;
  description?: string | undefined;
  inputSchema: JsonObject;
  type?: Tool['type'] | undefined;
  approval?: ApprovalPolicy | undefined;
}

export type DeltaChannel = 'text' | 'reasoning' | 'tool_input';

export interface ModelDelta {
  /** Number of the block within the answer, from 0, in order of appearance over all channels. */
  part: number;
  channel: DeltaChannel;
  text: string;
}

export interface LoadedBlob {
  bytes: Uint8Array;
  mediaType: string;
}

export interface ModelRequest {
  model: string;
  script?: ScriptTurn[] | undefined;
  /** Turn of the run, from 1. */
  turn: number;
  /** Attempt at this turn, from 1. */
  attempt: number;
  instructions?: string | undefined;
  messages: readonly TranscriptMessage[];
  tools: readonly ModelTool[];
  settings?: ModelSettings | undefined;
  /** `{tool}`: the answer must call that tool. Scripts do as they say, whatever is chosen. */
  toolChoice?: ToolChoice | { tool: string } | undefined;
  parallelToolCalls?: boolean | undefined;
  /** JSON Schema of a structured result. */
  output?: JsonObject | undefined;
  /** API keys that the run brings along, by provider name; they go before the configured ones. */
  providerKeys?: Readonly<Record<string, string>> | undefined;
  signal: AbortSignal;
  onDelta(delta: ModelDelta): void;
  /** Loads a `blob:sha256-<hex>` part. */
  loadBlob(url: string): Promise<LoadedBlob>;
}

export interface ModelToolCall {
  /** The provider's own id; may be empty or not unique. */
  providerCallId: string;
  tool: string;
  /** The arguments; the raw text when they were no JSON. */
  args: Json;
  /** Why the call cannot be made, for the model. */
  invalid?: string;
}

export interface ModelUsage {
  inputTokens: number;
  /** Part of `inputTokens` that the provider had in its cache. */
  cachedInputTokens?: number;
  outputTokens: number;
}

export interface ModelAnswer {
  ok: true;
  parts: Part[];
  toolCalls: ModelToolCall[];
  /** `stop`, `length`, `content-filter`, `tool-calls`, `error` or `other`. */
  finishReason: string;
  usage: ModelUsage;
}

export type ModelOutcome = ModelAnswer | { ok: false; failure: StepFailure };
