import type { FailureCode } from '@fermata/protocol';
import { APICallError, LoadAPIKeyError, NoSuchModelError } from 'ai';
import { OutgoingError } from '../outgoing/outgoing-error.ts';
import { briefText, redactText } from './redact.ts';

/**
 * How a step can fail, as a value. `terminal`: doing it again cannot help. `retryable`: it may; `afterMs` is what
 * the provider asked for, or null. `aborted`: the caller's own signal ended it. Messages never hold keys.
 */
export type StepFailure =
  | { kind: 'terminal'; code: FailureCode; message: string; status?: number }
  | { kind: 'retryable'; afterMs: number | null; code: FailureCode; message: string; status?: number }
  | { kind: 'aborted' };

/** Thrown inside a model call when the provider went silent, or ended its stream in the middle. */
export class BrokenStreamError extends Error {
  override readonly name = 'BrokenStreamError';
}

/** Thrown inside a model call when a stored image or file cannot be loaded. */
export class ContentUnavailableError extends Error {
  override readonly name = 'ContentUnavailableError';
}

/** A failure that a script asks for, as if a provider had answered so. */
export class ScriptedError extends Error {
  override readonly name = 'ScriptedError';
  readonly status: number;
  readonly retryAfterMs: number | null;

  constructor(status: number, message: string, retryAfterMs: number | null) {
    super(message);
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

export interface ClassifyOptions {
  /** The caller's signal: when it has fired, the failure is `aborted` whatever it looks like. */
  signal?: AbortSignal;
  /** Values to strike from messages. */
  secrets?: Iterable<string>;
  /** Milliseconds since 1970, for `Retry-After` dates. */
  nowMs?: number;
}

/** The one place that decides whether a failed model call may be tried again. Never throws. */
export function classifyModelFailure(error: unknown, options: ClassifyOptions = {}): StepFailure {
  if (options.signal?.aborted === true) return { kind: 'aborted' };
  const clean = (text: string): string => briefText(redactText(text, options.secrets));
  if (error instanceof ScriptedError)
    return fromStatus(error.status, error.retryAfterMs, clean(error.message));
  if (error instanceof BrokenStreamError || error instanceof ContentUnavailableError) {
    return retryable(clean(error.message));
  }
  if (error instanceof OutgoingError) return fromDownload(error, clean(error.message));
  if (LoadAPIKeyError.isInstance(error)) {
    return {
      kind: 'terminal',
      code: 'provider_not_configured',
      message: 'the model provider has no API key',
    };
  }
  if (NoSuchModelError.isInstance(error)) return terminal(clean(error.message));
  if (APICallError.isInstance(error)) return fromApiCall(error, options.nowMs ?? Date.now(), clean);
  const streamed = streamedError(error);
  if (streamed !== null) return fromStreamed(streamed, clean);
  if (isNetworkError(error)) return retryable(clean(`cannot reach the model provider: ${messageOf(error)}`));
  if (isUnreadableAnswer(error)) {
    return retryable(clean(`the model provider sent something unreadable: ${messageOf(error)}`));
  }
  return terminal(clean(`the model call failed: ${messageOf(error)}`));
}

const BASE_DELAY_MS = 500;
const MAX_DELAY_MS = 30_000;
/** A provider that asks for more is not waited for: the next attempt comes earlier, and tells again. */
const MAX_ASKED_DELAY_MS = 300_000;

/**
 * Milliseconds to wait before the next attempt; `attempt` is the number of the one that failed, from 1. Doubles
 * from 500 ms to 30 s, with full jitter on the upper half; what the provider asked for is the least.
 */
export function retryDelayMs(
  attempt: number,
  failure: StepFailure,
  random: () => number = Math.random,
): number {
  const ceiling = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** Math.min(Math.max(attempt - 1, 0), 20));
  const backOff = Math.round(ceiling / 2 + (ceiling / 2) * random());
  const asked = failure.kind === 'retryable' ? failure.afterMs : null;
  return asked === null
    ? backOff
    : Math.min(MAX_ASKED_DELAY_MS, Math.max(asked, 0) + Math.round(250 * random()));
}

/** `retry-after-ms`, or `retry-after` in seconds or as an HTTP date (RFC 9110 10.2.3); null when absent or unreadable. */
export function retryAfterMs(headers: Record<string, string> | undefined, nowMs: number): number | null {
  if (headers === undefined) return null;
  const lower = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value.trim()]));
  const exact = lower.get('retry-after-ms') ?? '';
  if (/^\d+(\.\d+)?$/.test(exact)) return Math.ceil(Number(exact));
  const text = lower.get('retry-after') ?? '';
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  const date = /[A-Za-z]/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

function terminal(message: string): StepFailure {
  return { kind: 'terminal', code: 'provider_failed', message };
}

function retryable(message: string): StepFailure {
  return { kind: 'retryable', afterMs: null, code: 'provider_failed', message };
}

function fromStatus(status: number, afterMs: number | null, message: string): StepFailure {
  return isRetryableStatus(status)
    ? { kind: 'retryable', afterMs, code: 'provider_failed', message, status }
    : { kind: 'terminal', code: 'provider_failed', message, status };
}

function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 409 || status === 425 || status === 429 || status >= 500;
}

function fromApiCall(error: APICallError, nowMs: number, clean: (text: string) => string): StepFailure {
  const status = error.statusCode;
  if (status === undefined) return retryable(clean(`cannot reach the model provider: ${error.message}`));
  // A body that cannot be read comes with the status of its head.
  if (status < 400) return retryable(clean(`the model provider’s answer cannot be read: ${error.message}`));
  const message = clean(`the model provider answered ${status}: ${error.message}`);
  return fromStatus(status, retryAfterMs(error.responseHeaders, nowMs), message);
}

function fromDownload(error: OutgoingError, message: string): StepFailure {
  const text = `a file of the conversation cannot be fetched: ${message}`;
  return error.code === 'blocked' || error.code === 'invalid' || error.code === 'too_large'
    ? terminal(text)
    : retryable(text);
}

interface StreamedError {
  message: string;
  kind: string;
  status: number | null;
}

/** An error event inside a stream of status 200: `{type, message}` (Anthropic), `{message, type, code}` (OpenAI). */
function streamedError(error: unknown): StreamedError | null {
  if (typeof error !== 'object' || error === null || error instanceof Error) return null;
  const { message, type, code, statusCode } = error as Record<string, unknown>;
  if (typeof message !== 'string') return null;
  return {
    message,
    kind: [type, code].filter((word) => typeof word === 'string').join(' '),
    status: typeof statusCode === 'number' ? statusCode : typeof code === 'number' ? code : null,
  };
}

function fromStreamed(error: StreamedError, clean: (text: string) => string): StepFailure {
  const message = clean(`the model provider broke off: ${error.message}`);
  if (error.status !== null) return fromStatus(error.status, null, message);
  return /invalid_request|authentication|permission|not_found|billing|context_length|invalid_prompt|content_policy/.test(
    error.kind,
  )
    ? terminal(message)
    : retryable(message);
}

const NETWORK_CODE =
  /^(E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_|NOTFOUND|PROTO)|UND_ERR_|ERR_(SSL|TLS)|CERT_|ConnectionRefused)/;

function isNetworkError(error: unknown): boolean {
  for (
    let current = error, depth = 0;
    current instanceof Error && depth < 5;
    current = current.cause, depth += 1
  ) {
    const code: unknown = (current as { code?: unknown }).code;
    if (typeof code === 'string' && NETWORK_CODE.test(code)) return true;
    if (current instanceof TypeError && /fetch failed|terminated|network/i.test(current.message)) return true;
  }
  return false;
}

const UNREADABLE = new Set([
  'AI_JSONParseError',
  'AI_TypeValidationError',
  'AI_InvalidResponseDataError',
  'AI_EmptyResponseBodyError',
  'AI_NoOutputGeneratedError',
]);

function isUnreadableAnswer(error: unknown): boolean {
  return error instanceof Error && UNREADABLE.has(error.name);
}

function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  return typeof error === 'string' ? error : 'unknown error';
}
