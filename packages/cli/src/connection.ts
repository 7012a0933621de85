import { createClient, type Client } from '@fermata/sdk';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { CliContext } from './context.ts';
import { CliError, EXIT } from './failure.ts';

export const DEFAULT_URL = 'http://127.0.0.1:7700';

/** The options that every command takes. */
export interface GlobalOptions {
  url?: string;
  key?: string;
  json?: boolean;
}

/** The server to talk to: `--url`, `FERMATA_URL`, or the default. */
export function serverUrl(options: GlobalOptions, context: Pick<CliContext, 'env'>): string {
  const url = firstOf(options.url, context.env['FERMATA_URL']) ?? DEFAULT_URL;
  if (/^https?:\/\//.test(url) && URL.canParse(url)) return url.replace(/\/+$/, '');
  throw new CliError(`"${url}" is not an http:// or https:// URL.`, EXIT.usage);
}

/** A client with the user's key. Throws `CliError` when there is none. */
export async function connect(options: GlobalOptions, context: CliContext): Promise<Client> {
  const baseUrl = serverUrl(options, context);
  return createClient({
    baseUrl,
    apiKey: await findKey(options, context, baseUrl),
    fetch: context.fetch,
    // A person is waiting: what is not there after a moment is reported.
    maxRetries: 1,
  });
}

async function findKey(options: GlobalOptions, context: CliContext, url: string): Promise<string> {
  const given = firstOf(options.key, context.env['FERMATA_API_KEY']);
  if (given !== undefined) return given;
  // The key in a data directory is that of a server on this machine; it is sent nowhere else.
  if (!isLoopback(url)) {
    throw new CliError(`Give the key for ${url} with --key or FERMATA_API_KEY.`, EXIT.denied);
  }
  const places = dataDirs(context).map((folder) => join(folder, 'api-key'));
  for (const path of places) {
    const key = (await readFile(path, 'utf8').catch(() => '')).trim();
    if (key !== '') return key;
  }
  throw new CliError(
    `No key: give one with --key or FERMATA_API_KEY.\nLooked in ${places.join(' and ')} too; the server writes it at its first start.`,
    EXIT.denied,
  );
}

function dataDirs(context: CliContext): string[] {
  const named = firstOf(context.env['FERMATA_DATA_DIR']);
  if (named !== undefined) return [resolve(context.cwd, named)];
  return [...new Set([join(context.cwd, '.fermata'), join(context.root, '.fermata')])];
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function firstOf(...values: (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '');
}
