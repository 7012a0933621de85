import type { HttpTool, Json } from '@fermata/protocol';
import type { GuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { OutgoingError } from '../../outgoing/outgoing-error.ts';
import { briefText, redactText } from '../redact.ts';
import { fillJson, fillText, fillUrl, TemplateError } from './template.ts';
import { completed, failed, type DoubtCause, type ToolOutcome } from './tool-outcome.ts';

const MAX_ERROR_BODY = 2_000;

export interface HttpCall {
  http: HttpTool;
  args: Json;
  idempotencyKey: string;
  secrets: Readonly<Record<string, string>>;
  timeoutMs: number;
  signal: AbortSignal;
  fetch: GuardedFetch;
}

/** One request of an http tool. Never throws. */
export async function callHttpTool(call: HttpCall): Promise<ToolOutcome> {
  const secrets = Object.values(call.secrets);
  const clean = (text: string): string => briefText(redactText(text, secrets), MAX_ERROR_BODY);
  let request: FilledRequest;
  try {
    request = fillRequest(call);
  } catch (error) {
    const message = error instanceof TemplateError ? error.message : 'the request cannot be built';
    return failed('invalid_request', clean(message));
  }
  try {
    const response = await call.fetch(request.url, {
      ...request.init,
      signal: call.signal,
      limits: { timeoutMs: call.timeoutMs },
    });
    return await outcomeOf(response, request.init.method, secrets, clean);
  } catch (error) {
    return outgoingFailure(error, clean);
  }
}

/** What an error of the guarded fetch means for a call. */
export function outgoingFailure(error: unknown, clean: (text: string) => string): ToolOutcome {
  if (!(error instanceof OutgoingError)) return failed('tool_failed', 'the request failed');
  const message = clean(error.message);
  switch (error.code) {
    case 'blocked':
    case 'invalid':
    case 'too_large':
    case 'redirects':
      return failed(error.code === 'too_large' ? 'result_too_large' : error.code, message);
    case 'dns':
    case 'refused':
    case 'tls':
      return error.sent ? inDoubt('reset', message) : { kind: 'not_sent', message };
    case 'timeout':
      return error.sent ? inDoubt('time_out', message) : { kind: 'not_sent', message };
    case 'aborted':
      return error.sent ? inDoubt('aborted', message) : { kind: 'not_sent', message };
    case 'reset':
      return error.sent ? inDoubt('reset', message) : { kind: 'not_sent', message };
    default:
      return error.code satisfies never;
  }
}

function inDoubt(cause: DoubtCause, message: string): ToolOutcome {
  return { kind: 'in_doubt', cause, message };
}

interface FilledRequest {
  url: URL;
  init: { method: string; headers: Headers; body: string | null };
}

function fillRequest(call: HttpCall): FilledRequest {
  const { http } = call;
  const values = { args: call.args, secrets: call.secrets };
  const headers = new Headers({ accept: 'application/json, text/plain;q=0.9, */*;q=0.1' });
  for (const [name, template] of Object.entries(http.headers ?? {})) {
    // A line break in an argument would end the header.
    headers.set(name, fillText(template, values).replace(/[\r\n\0]+/g, ' '));
  }
  headers.set('idempotency-key', call.idempotencyKey);
  const url = fillUrl(http.url, http.query ?? {}, values);
  if (http.method === 'GET' || http.method === 'HEAD')
    return { url, init: { method: http.method, headers, body: null } };
  if (!headers.has('content-type')) headers.set('content-type', 'application/json');
  const body = http.body === undefined ? call.args : fillJson(http.body, values);
  const isForm = headers.get('content-type')?.startsWith('application/x-www-form-urlencoded') === true;
  return {
    url,
    init: { method: http.method, headers, body: isForm ? formBody(body) : JSON.stringify(body) },
  };
}

function formBody(body: Json): string {
  const form = new URLSearchParams();
  if (typeof body !== 'object' || body === null) return form.toString();
  for (const [name, value] of Object.entries(body)) {
    if (value !== null) form.append(name, typeof value === 'string' ? value : JSON.stringify(value));
  }
  return form.toString();
}

async function outcomeOf(
  response: Response,
  method: string,
  secrets: readonly string[],
  clean: (text: string) => string,
): Promise<ToolOutcome> {
  const { status } = response;
  if (status >= 200 && status < 300) return completed(await readResult(response, method), secrets);
  const body = clean(await readText(response));
  const message = `the tool answered ${status}${body === '' ? '' : `: ${body}`}`;
  // A gateway speaks for a server that it could not hear: the request may have been executed.
  if (status === 502 || status === 504) return inDoubt('bad_gateway', message);
  return failed(`http_${status}`, message);
}

async function readResult(response: Response, method: string): Promise<unknown> {
  if (method === 'HEAD' || response.body === null) return { status: response.status };
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.byteLength === 0) return { status: response.status };
  const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (!isTextType(mediaType)) return { mediaType, base64: Buffer.from(bytes).toString('base64') };
  const text = new TextDecoder().decode(bytes);
  if (!/[/+]json$/.test(mediaType) && mediaType !== '') return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function isTextType(mediaType: string): boolean {
  return (
    mediaType === '' ||
    mediaType.startsWith('text/') ||
    /[/+](json|xml|yaml|x-yaml|javascript|x-ndjson|x-www-form-urlencoded)$/.test(mediaType)
  );
}

/** The beginning of an error body; an error body that breaks off changes nothing about the status. */
async function readText(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (error instanceof OutgoingError && error.code === 'too_large') return '(the body is too large)';
    return '';
  }
}
