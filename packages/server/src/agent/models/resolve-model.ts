/** A provider that speaks its own wire. `script` is built in and always there. */
export const NATIVE_PROVIDERS = ['openai', 'anthropic', 'google'] as const;
export type NativeProvider = (typeof NATIVE_PROVIDERS)[number];

export interface ResolverOptions {
  /** Names of the providers that can be called: configured, or brought along by the run. */
  hasProvider(name: string): boolean;
  aliases: Readonly<Record<string, string>>;
  unknownModel: 'fail' | 'default';
  defaultModel: string;
}

export type ResolvedModel =
  | { ok: true; provider: string; model: string }
  | { ok: false; code: 'provider_not_configured'; message: string };

const WELL_KNOWN: readonly [RegExp, NativeProvider][] = [
  [/^(gpt-|chatgpt-|o\d)/i, 'openai'],
  [/^claude-/i, 'anthropic'],
  [/^gemini-/i, 'google'],
];

const KEY_NAMES: Record<NativeProvider, string> = {
  openai: 'OPENAI_API_KEY',
  anthropic: 'ANTHROPIC_API_KEY',
  google: 'GOOGLE_GENERATIVE_AI_API_KEY',
};

/** Looks a model name up: exact `provider/name`, then the aliases, then well-known beginnings, then the default. */
export function resolveModel(name: string, options: ResolverOptions): ResolvedModel {
  const wanted = name.trim();
  const found =
    exact(wanted, options) ?? aliased(wanted, options) ?? wellKnown(wanted, options) ?? fallback(options);
  return found ?? { ok: false, code: 'provider_not_configured', message: explain(wanted, options) };
}

function exact(name: string, options: ResolverOptions): ResolvedModel | null {
  const slash = name.indexOf('/');
  if (slash <= 0 || slash === name.length - 1) return null;
  const provider = name.slice(0, slash);
  if (provider !== 'script' && !options.hasProvider(provider)) return null;
  return { ok: true, provider, model: name.slice(slash + 1) };
}

/** An alias leads to a model, never to another alias: a loop is impossible. */
function aliased(name: string, options: ResolverOptions): ResolvedModel | null {
  const target = Object.hasOwn(options.aliases, name) ? options.aliases[name] : undefined;
  return target === undefined ? null : (exact(target, options) ?? wellKnown(target, options));
}

function wellKnown(name: string, options: ResolverOptions): ResolvedModel | null {
  const provider = WELL_KNOWN.find(([pattern]) => pattern.test(name))?.[1];
  return provider !== undefined && options.hasProvider(provider) ? { ok: true, provider, model: name } : null;
}

function fallback(options: ResolverOptions): ResolvedModel | null {
  if (options.unknownModel === 'fail') return null;
  const { defaultModel } = options;
  return exact(defaultModel, options) ?? aliased(defaultModel, options) ?? wellKnown(defaultModel, options);
}

function explain(name: string, options: ResolverOptions): string {
  const target = Object.hasOwn(options.aliases, name) ? (options.aliases[name] ?? name) : name;
  const shown = JSON.stringify(name.slice(0, 200));
  const beginning = target.includes('/') ? target.slice(0, target.indexOf('/')) : null;
  const provider = beginning ?? WELL_KNOWN.find(([pattern]) => pattern.test(target))?.[1] ?? null;
  if (provider === null)
    return `no provider is known for the model ${shown}: name it provider/model, or give it an alias`;
  const native = NATIVE_PROVIDERS.find((candidate) => candidate === provider);
  return native === undefined
    ? `the model ${shown} needs the provider ${JSON.stringify(provider.slice(0, 60))}, which is not configured`
    : `the model ${shown} needs the provider ${native}, which has no API key (${KEY_NAMES[native]})`;
}
