import type { JsonObject } from '@fermata/protocol';
import { jsonSchema, Output, streamText, type ToolSet } from 'ai';
import type { GuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { BrokenStreamError, ContentUnavailableError } from '../failure.ts';
import { createAnswerCollector, type AnswerCollector } from './answer-collector.ts';
import { callSettings } from './call-settings.ts';
import type { ModelAnswer, ModelRequest, ModelTool } from './model-request.ts';
import type { ProviderModel } from './provider-clients.ts';
import { providerPrompt, type Prompt } from './provider-messages.ts';
import { watchForStall } from './stall-watch.ts';

export interface ProviderCallOptions {
  stallMs: number;
  /** Fetches http(s) files for providers that do not fetch them themselves; absent: such a file fails the call. */
  download: GuardedFetch | null;
}

/** One attempt at one turn. Throws what `classifyModelFailure` understands. */
export async function callProvider(
  target: ProviderModel,
  request: ModelRequest,
  options: ProviderCallOptions,
): Promise<ModelAnswer> {
  const prompt = await providerPrompt(request.messages, {
    provider: target.namespace,
    loadBlob: request.loadBlob,
  });
  const watch = watchForStall(options.stallMs);
  const signal = AbortSignal.any([request.signal, watch.signal]);
  const system = systemPrompt(request, prompt, target);
  const collector = createAnswerCollector(
    target.namespace,
    request.onDelta,
    request.tools.map(({ name }) => name),
  );
  try {
    const result = streamText({
      model: target.model,
      messages: prompt.messages,
      tools: toolSet(request.tools, prompt.calledTools),
      ...callSettings(target, request),
      // The driver retries, under the run's own rules.
      maxRetries: 0,
      abortSignal: signal,
      includeRawChunks: true,
      onError: () => undefined,
      experimental_download: (files) =>
        Promise.all(files.map((file) => downloaded(file, options.download, signal))),
      ...(system === '' ? {} : { system }),
      ...(request.output === undefined
        ? {}
        : { output: Output.object({ schema: jsonSchema(request.output) }) }),
    });
    return await collect(result.fullStream, collector, signal, (kind) => watch.touch(kind));
  } catch (error) {
    // Whatever an abort looks like on its way through the packages, the stall is what happened.
    throw watch.signal.aborted ? watch.signal.reason : error;
  } finally {
    watch.stop();
  }
}

async function collect(
  stream: AsyncIterable<Parameters<AnswerCollector['add']>[0]>,
  collector: AnswerCollector,
  signal: AbortSignal,
  touch: (kind: 'content' | 'alive') => void,
): Promise<ModelAnswer> {
  const iterator = stream[Symbol.asyncIterator]();
  // A provider package that ignores the signal must not keep the run from pausing.
  const aborted = rejectOnAbort(signal);
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) break;
      touch(next.value.type === 'raw' ? 'alive' : 'content');
      collector.add(next.value);
    }
  } finally {
    aborted.release();
    void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
  return collector.finish();
}

function rejectOnAbort(signal: AbortSignal): { promise: Promise<never>; release(): void } {
  let onAbort = (): void => undefined;
  const promise = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason instanceof Error ? signal.reason : new BrokenStreamError('aborted'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  promise.catch(() => undefined);
  return { promise, release: () => signal.removeEventListener('abort', onAbort) };
}

function systemPrompt(request: ModelRequest, prompt: Prompt, target: ProviderModel): string {
  const words = [request.instructions ?? '', ...prompt.system];
  if (request.output !== undefined && !target.hasStructuredOutput) {
    words.push(
      `Give the final answer as JSON that fits this JSON Schema:\n${JSON.stringify(request.output)}`,
    );
  }
  return words.filter((text) => text.trim() !== '').join('\n\n');
}

/** The tools of the request, and those that the transcript calls though they are gone: Anthropic insists on both. */
function toolSet(tools: readonly ModelTool[], calledTools: Set<string>): ToolSet {
  const set: ToolSet = {};
  for (const tool of tools) {
    set[tool.name] = {
      inputSchema: jsonSchema(objectSchema(tool.inputSchema)),
      ...(tool.description === undefined ? {} : { description: tool.description }),
    };
  }
  if (tools.length === 0) {
    for (const name of calledTools) {
      set[name] = {
        description: 'No longer available. Do not call it.',
        inputSchema: jsonSchema({ type: 'object', properties: {} }),
      };
    }
  }
  return set;
}

/** OpenAI and Anthropic refuse a tool whose schema is not of type object. */
function objectSchema(schema: JsonObject): JsonObject {
  const { $schema: _dialect, ...rest } = schema;
  if (rest['type'] !== 'object') return { properties: {}, ...rest, type: 'object' };
  return 'properties' in rest ? rest : { ...rest, properties: {} };
}

async function downloaded(
  file: { url: URL; isUrlSupportedByModel: boolean },
  download: GuardedFetch | null,
  signal: AbortSignal,
): Promise<{ data: Uint8Array; mediaType: string | undefined } | null> {
  if (file.isUrlSupportedByModel) return null;
  if (download === null) throw new ContentUnavailableError(`the provider does not fetch ${file.url.host}`);
  const response = await download(file.url, { signal });
  if (!response.ok)
    throw new ContentUnavailableError(`${file.url.host} answered ${response.status} for a file`);
  const mediaType = response.headers.get('content-type')?.split(';')[0]?.trim();
  return { data: new Uint8Array(await response.arrayBuffer()), mediaType };
}
