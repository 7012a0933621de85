import type { Config } from './config.ts';

interface ProviderSettings {
  apiKey: string;
  baseUrl?: string;
}

/** The configured model providers with their keys revealed, for whoever calls them. */
export function providerSettings({ models }: Config): {
  openai?: ProviderSettings;
  anthropic?: ProviderSettings;
  google?: ProviderSettings;
  compatible: Record<string, { baseUrl: string; apiKey?: string }>;
} {
  const [openai, anthropic, google] = [models.openai, models.anthropic, models.google].map(settingsOf);
  return {
    ...(openai === undefined ? {} : { openai }),
    ...(anthropic === undefined ? {} : { anthropic }),
    ...(google === undefined ? {} : { google }),
    compatible: Object.fromEntries(
      Object.entries(models.compatible).map(([name, { baseUrl, apiKey }]) => [
        name,
        { baseUrl, ...(apiKey === null ? {} : { apiKey: apiKey.reveal() }) },
      ]),
    ),
  };
}

function settingsOf({ apiKey, baseUrl }: Config['models']['openai']): ProviderSettings | undefined {
  if (apiKey === null) return undefined;
  return { apiKey: apiKey.reveal(), ...(baseUrl === null ? {} : { baseUrl }) };
}
