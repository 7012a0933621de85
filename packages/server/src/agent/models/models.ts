import type { GuardedFetch } from '../../outgoing/guarded-fetch.ts';
import { createTrustedFetch, type Fetch } from '../../outgoing/trusted-fetch.ts';
import { classifyModelFailure } from '../failure.ts';
import type { ModelOutcome, ModelRequest } from './model-request.ts';
import { callProvider } from './provider-call.ts';
import {
  hasProvider,
  providerModel,
  providerSecrets,
  type ProviderKeys,
  type ProvidersSettings,
} from './provider-clients.ts';
import { resolveModel, type ResolvedModel } from './resolve-model.ts';
import { playScript } from './script-model.ts';
import { sleepUnlessAborted, type Sleep } from './sleep.ts';

export interface ModelsOptions {
  providers: ProvidersSettings;
  aliases: Readonly<Record<string, string>>;
  unknownModel: 'fail' | 'default';
  defaultModel: string;
  /** Longest silence of a provider, milliseconds. */
  stallMs: number;
  /** For providers, whose addresses the operator chose. */
  fetch?: Fetch;
  /** For files whose URLs users chose, where a provider does not fetch them itself. */
  download?: GuardedFetch;
  sleep?: Sleep;
}

export interface Models {
  /** Who answers for a model name, by the rules of `resolveModel`. */
  resolve(name: string, providerKeys?: ProviderKeys): ResolvedModel;
  /** One attempt at one turn. Never throws, and ends soon after `request.signal` fires. */
  call(request: ModelRequest): Promise<ModelOutcome>;
}

export function createModels(options: ModelsOptions): Models {
  // The package prints its warnings to the console; this is its only switch.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const fetch = options.fetch ?? createTrustedFetch();
  const sleep = options.sleep ?? sleepUnlessAborted;

  function resolve(name: string, providerKeys: ProviderKeys = {}): ResolvedModel {
    return resolveModel(name, {
      ...options,
      hasProvider: (provider) => hasProvider(provider, options.providers, providerKeys),
    });
  }

  async function call(request: ModelRequest): Promise<ModelOutcome> {
    const keys = request.providerKeys ?? {};
    const secrets = providerSecrets(options.providers, keys);
    try {
      const resolved = resolve(request.model, keys);
      if (!resolved.ok) return notConfigured(resolved.message);
      if (request.signal.aborted) return { ok: false, failure: { kind: 'aborted' } };
      if (resolved.provider === 'script') return await playScript(resolved.model, request, sleep);
      const target = providerModel(resolved.provider, resolved.model, options.providers, keys, fetch);
      if (target === null) return notConfigured(`the provider ${resolved.provider} is not configured`);
      return await callProvider(target, request, {
        stallMs: options.stallMs,
        download: options.download ?? null,
      });
    } catch (error) {
      return { ok: false, failure: classifyModelFailure(error, { signal: request.signal, secrets }) };
    }
  }

  return { resolve, call };
}

function notConfigured(message: string): ModelOutcome {
  return { ok: false, failure: { kind: 'terminal', code: 'provider_not_configured', message } };
}
