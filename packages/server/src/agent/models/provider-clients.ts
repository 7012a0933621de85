import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel, ToolSet, streamText } from 'ai';
import type { Fetch } from '../../outgoing/trusted-fetch.ts';
import { NATIVE_PROVIDERS, type NativeProvider } from './resolve-model.ts';

export interface ProviderSettings {
  apiKey?: string | undefined;
  baseUrl?: string | undefined;
  /**
   * OpenAI only. Default: `responses` at OpenAI’s own address, `chat` at any other, since chat completions is
   * what everybody else speaks.
   */
  api?: 'responses' | 'chat' | undefined;
}

export interface CompatibleSettings {
  baseUrl: string;
  apiKey?: string | undefined;
}

export interface ProvidersSettings {
  openai?: ProviderSettings | undefined;
  anthropic?: ProviderSettings | undefined;
  google?: ProviderSettings | undefined;
  /** OpenAI-compatible servers, by the provider name under which they are called. */
  compatible: Readonly<Record<string, CompatibleSettings>>;
}

export type ProviderKeys = Readonly<Record<string, string>>;
export type ProviderOptions = NonNullable<Parameters<typeof streamText<ToolSet>>[0]['providerOptions']>;

export interface ProviderModel {
  model: LanguageModel;
  /** Its name, as the provider knows it. */
  id: string;
  /** Name under which the provider's own data is kept in messages. */
  namespace: string;
  options: ProviderOptions;
  /** False where a JSON Schema for the answer must be told in words. */
  hasStructuredOutput: boolean;
}

/** True when the provider can be called with the configured keys, or those that the run brings along. */
export function hasProvider(name: string, settings: ProvidersSettings, keys: ProviderKeys = {}): boolean {
  if (keyOf(keys, name) !== undefined && isNative(name)) return true;
  if (isNative(name)) return hasText(settings[name]?.apiKey);
  return Object.hasOwn(settings.compatible, name);
}

/** Every key that must never be shown. */
export function providerSecrets(settings: ProvidersSettings, keys: ProviderKeys = {}): string[] {
  const configured = [
    ...NATIVE_PROVIDERS.map((name) => settings[name]?.apiKey),
    ...Object.values(settings.compatible).map((server) => server.apiKey),
  ];
  return [...configured.filter(hasText), ...Object.values(keys).filter(hasText)];
}

/** The client of one model, or null when its provider is not configured. */
export function providerModel(
  provider: string,
  model: string,
  settings: ProvidersSettings,
  keys: ProviderKeys,
  fetch: Fetch,
): ProviderModel | null {
  if (!hasProvider(provider, settings, keys)) return null;
  if (isNative(provider))
    return nativeModel(provider, model, settings[provider] ?? {}, keyOf(keys, provider), fetch);
  const server = settings.compatible[provider];
  if (server === undefined) return null;
  const apiKey = keyOf(keys, provider) ?? server.apiKey;
  const client = createOpenAICompatible({
    name: provider,
    baseURL: trimUrl(server.baseUrl),
    fetch,
    includeUsage: true,
    ...(hasText(apiKey) ? { apiKey } : {}),
  });
  return { model: client(model), id: model, namespace: provider, options: {}, hasStructuredOutput: false };
}

function nativeModel(
  provider: NativeProvider,
  model: string,
  settings: ProviderSettings,
  runKey: string | undefined,
  fetch: Fetch,
): ProviderModel {
  // Never undefined: the packages would look into the process environment.
  const apiKey = runKey ?? settings.apiKey ?? '';
  const base = settings.baseUrl === undefined ? {} : { baseURL: trimUrl(settings.baseUrl) };
  switch (provider) {
    case 'openai': {
      const client = createOpenAI({ apiKey, fetch, ...base });
      const api = settings.api ?? (isOpenAiAddress(settings.baseUrl) ? 'responses' : 'chat');
      return {
        model: api === 'responses' ? client.responses(model) : client.chat(model),
        id: model,
        namespace: 'openai',
        // The log is ours, so nothing is stored there; a user's schema need not be of OpenAI's strict subset.
        options: { openai: { store: false, strictJsonSchema: false } },
        hasStructuredOutput: true,
      };
    }
    case 'anthropic':
      return {
        model: createAnthropic({ apiKey, fetch, ...base })(model),
        id: model,
        namespace: 'anthropic',
        options: {},
        hasStructuredOutput: true,
      };
    case 'google':
      return {
        model: createGoogleGenerativeAI({ apiKey, fetch, ...base })(model),
        id: model,
        namespace: 'google',
        options: {},
        hasStructuredOutput: true,
      };
    default:
      return provider satisfies never;
  }
}

function isNative(name: string): name is NativeProvider {
  return NATIVE_PROVIDERS.some((native) => native === name);
}

function keyOf(keys: ProviderKeys, name: string): string | undefined {
  const key = Object.hasOwn(keys, name) ? keys[name] : undefined;
  return hasText(key) ? key : undefined;
}

function hasText(value: string | undefined): value is string {
  return value !== undefined && value.trim() !== '';
}

function isOpenAiAddress(baseUrl: string | undefined): boolean {
  return (
    baseUrl === undefined || (URL.canParse(baseUrl) && new URL(baseUrl).hostname.endsWith('.openai.com'))
  );
}

function trimUrl(url: string): string {
  return url.replace(/\/+$/, '');
}
