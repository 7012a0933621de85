// Every environment variable: its default, its check and its description. docs/config.md is generated from here.
import ipaddr from 'ipaddr.js';
import { roleSchema } from '@fermata/protocol';
import { z } from 'zod';
import { decodeSecretKey, makeSecret, type Secret } from './secrets.ts';

export const FACES = ['telnyx', 'codegen', 'runtype', 'shannon'] as const;
export type Face = (typeof FACES)[number];

/** Where a variable stands in the documentation. */
export const GROUPS = [
  'Server',
  'Database',
  'Keys and secrets',
  'Models',
  'Agents and faces',
  'Running',
  'Tools',
  'Testing',
] as const;
export type Group = (typeof GROUPS)[number];

interface VariableNote {
  group: Group;
  /** What the documentation shows where the default is not a fixed text. */
  defaultNote?: string;
}

/** Group and default note of each variable's schema. */
export const notes = z.registry<VariableNote>();

function integer(min: number, max: number): z.ZodType<number, string> {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.number().min(min, message).max(max, message));
}

const secret = z.string().transform((value): Secret => makeSecret(value));
const name = z.string().trim().min(1, 'must not be empty');
const crashPoint = z
  .string()
  .regex(/^[a-z-]+(:[1-9]\d{0,5})?$/, 'must be like before-commit or before-commit:3');
const webUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
  .transform(withoutSlash);
const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\/\S+$/, 'must be a postgres:// or postgresql:// URL')
  .transform((value): Secret => makeSecret(value));
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);

function json<T extends z.ZodType>(shape: T, example: string): z.ZodType<z.output<T>, string> {
  return z
    .string()
    .transform((value, context): unknown => {
      try {
        return JSON.parse(value);
      } catch {
        context.addIssue({ code: 'custom', message: `must be JSON like ${example}` });
        return z.NEVER;
      }
    })
    .pipe(shape) as z.ZodType<z.output<T>, string>;
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, '');
}

function variable<T extends z.ZodType>(
  group: Group,
  description: string,
  schema: T,
  defaultNote?: string,
): T {
  const described = schema.describe(description);
  notes.add(described, defaultNote === undefined ? { group } : { group, defaultNote });
  return described;
}

export const variables = z.object({
  PORT: variable('Server', 'TCP port to listen on; 0 takes a free one.', integer(0, 65_535).prefault('7700')),
  HOST: variable(
    'Server',
    'Address to listen on. `0.0.0.0` or `::` opens the server to the network.',
    name.prefault('127.0.0.1'),
  ),
  FERMATA_PUBLIC_URL: variable(
    'Server',
    'Base of the links that the server gives out, when it stands behind a proxy.',
    webUrl.optional(),
    '`http://<HOST>:<PORT>`',
  ),
  FERMATA_CORS_ORIGINS: variable(
    'Server',
    'Origins, separated by commas, whose pages may call the server from a browser; `*` allows every origin. The codegen face always allows every origin, the runtype face does so while this is not set.',
    list.prefault(''),
    'none',
  ),
  FERMATA_DATA_DIR: variable(
    'Server',
    'Folder of the embedded database, the generated keys and `server.pid`.',
    name.prefault('.fermata'),
  ),
  FERMATA_LOG_LEVEL: variable(
    'Server',
    'Least severe level that is logged: `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.',
    z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).prefault('info'),
  ),

  DATABASE_URL: variable(
    'Database',
    'URL of a PostgreSQL 14 or newer. Any number of server processes may share it.',
    databaseUrl.optional(),
    'an embedded PostgreSQL in `FERMATA_DATA_DIR`',
  ),
  FERMATA_DATABASE_DIRECT_URL: variable(
    'Database',
    'URL of the same database without a pooler in between. Required when `DATABASE_URL` goes through a pooler in ' +
      'transaction mode: session locks, LISTEN and migrations need sessions of their own.',
    databaseUrl.optional(),
    '`DATABASE_URL`',
  ),
  FERMATA_DB_POOL: variable(
    'Database',
    'Connections for reading. Each process opens 10 more: three for committing, one each for presence, LISTEN and ' +
      'NOTIFY, and four for the job queue.',
    integer(1, 1_000).prefault('8'),
  ),

  FERMATA_API_KEY: variable(
    'Keys and secrets',
    'API key of the principal `admin`, set at the first start.',
    z
      .string()
      .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
      .pipe(secret)
      .optional(),
    'generated at the first start and kept in `<data dir>/api-key`',
  ),
  FERMATA_SECRET_KEY: variable(
    'Keys and secrets',
    'Key that encrypts stored secrets: 32 bytes in base64 or hex. Processes that share a database need the same one.',
    z
      .string()
      .refine((value) => decodeSecretKey(value) !== null, 'must be 32 bytes in base64 or hex')
      .pipe(secret)
      .optional(),
    'generated at the first start and kept in `<data dir>/secret-key`',
  ),
  FERMATA_RECEIPT_KEY: variable(
    'Keys and secrets',
    'Seed of the ed25519 key that signs receipts: 32 bytes in base64 or hex. Every process keeps its public key in ' +
      'the database; give processes of one database the same seed when receipts are to have one signer.',
    z
      .string()
      .refine((value) => decodeSecretKey(value) !== null, 'must be 32 bytes in base64 or hex')
      .pipe(secret)
      .optional(),
    'generated at the first start and kept in `<data dir>/receipt-key`',
  ),
  FERMATA_DIGEST_OPTIONAL_ROLES: variable(
    'Keys and secrets',
    'Roles, separated by commas, whose keys may approve a call through the native API without naming its digest: ' +
      '`viewer`, `operator`, `developer`, `admin`. A digest that is named is always checked.',
    list.pipe(z.array(roleSchema, { error: 'must be viewer, operator, developer or admin' })).prefault(''),
    'none',
  ),
  FERMATA_UNLIMITED_KEYS: variable(
    'Keys and secrets',
    'Ids of API keys (`key_…`), separated by commas, that no rate limit applies to.',
    list.prefault(''),
    'none',
  ),

  FERMATA_MODEL: variable(
    'Models',
    'Default model, as `provider/name`.',
    name.optional(),
    '`anthropic/claude-sonnet-4-6`, `openai/gpt-5.4` or `google/gemini-3.5-flash`, the first whose key is set; ' +
      'else `script/echo`',
  ),
  FERMATA_MODEL_ALIASES: variable(
    'Models',
    'JSON object that gives further names to models, for example `{"large": "anthropic/claude-opus-4-6"}`.',
    json(
      z.record(z.string(), z.string({ error: 'every value must be a model name' }), {
        error: 'must be an object of names and models',
      }),
      '{"large": "anthropic/claude-opus-4-6"}',
    ).prefault('{}'),
    'none',
  ),
  FERMATA_UNKNOWN_MODEL: variable(
    'Models',
    'What a run with a model name that nobody knows does: `fail`, or go on with the `default` model.',
    z.enum(['fail', 'default']).prefault('fail'),
  ),
  ANTHROPIC_API_KEY: variable('Models', 'Key for `anthropic/…` models.', secret.optional()),
  ANTHROPIC_BASE_URL: variable(
    'Models',
    'Base URL for `anthropic/…` models.',
    webUrl.optional(),
    "the provider's",
  ),
  OPENAI_API_KEY: variable('Models', 'Key for `openai/…` models.', secret.optional()),
  OPENAI_BASE_URL: variable('Models', 'Base URL for `openai/…` models.', webUrl.optional(), "the provider's"),
  GOOGLE_GENERATIVE_AI_API_KEY: variable('Models', 'Key for `google/…` models.', secret.optional()),
  GOOGLE_BASE_URL: variable('Models', 'Base URL for `google/…` models.', webUrl.optional(), "the provider's"),
  FERMATA_OPENAI_COMPATIBLE: variable(
    'Models',
    'JSON object of further providers that speak the OpenAI API, for example ' +
      '`{"local": {"baseUrl": "http://127.0.0.1:11434/v1"}}`; their models are then `local/…`. `apiKey` is optional.',
    json(
      z.record(
        z
          .string()
          .regex(/^[a-z0-9][a-z0-9-]*$/, 'provider names have lower-case letters, digits and hyphens'),
        z.strictObject({ baseUrl: webUrl, apiKey: secret.optional() }),
      ),
      '{"local": {"baseUrl": "http://127.0.0.1:11434/v1"}}',
    ).prefault('{}'),
    'none',
  ),
  FERMATA_MODEL_STALL_MS: variable(
    'Models',
    'A model call that sends nothing for this long (ms) is aborted and made again.',
    integer(100, 3_600_000).prefault('120000'),
  ),

  FERMATA_PRICES: variable(
    'Models',
    'Prices of models in US dollars per million tokens, as JSON or the path of a JSON file, for example ' +
      '`{"local/llama": {"input": 0.1, "cachedInput": 0.01, "output": 0.4}, "openai/*": {"input": 1, "output": 2}}`. ' +
      'They go before the built-in list prices of well-known models. The cost of a model without a price is unknown, ' +
      'and a run with `maxCostUsd` is not started with it.',
    name.optional(),
    'the built-in list prices',
  ),

  FERMATA_DEFAULT_AGENT: variable(
    'Agents and faces',
    'Agent (its id, or a JSON file) of requests that name none.',
    name.optional(),
    'a built-in agent with `FERMATA_MODEL` and no tools',
  ),
  FERMATA_TELNYX_DEFAULT_AGENT: faceAgent('telnyx'),
  FERMATA_CODEGEN_DEFAULT_AGENT: faceAgent('codegen'),
  FERMATA_RUNTYPE_DEFAULT_AGENT: faceAgent('runtype'),
  FERMATA_SHANNON_DEFAULT_AGENT: faceAgent('shannon'),
  FERMATA_DEFAULT_FLOW: variable(
    'Agents and faces',
    'Flow (its id, or a JSON file) of requests that name neither agent nor flow, on every face that has no default agent of its own; runs of missions stay with agents. It goes before `FERMATA_DEFAULT_AGENT`.',
    name.optional(),
    'none: the default agent',
  ),
  FERMATA_RUNTYPE_DEFAULT_FLOW: variable(
    'Agents and faces',
    'The same for requests on the runtype face. It goes before `FERMATA_RUNTYPE_DEFAULT_AGENT`.',
    name.optional(),
    '`FERMATA_DEFAULT_FLOW`',
  ),
  FERMATA_TELNYX_VALIDATION_STATUS: variable(
    'Agents and faces',
    'Status with which the telnyx face answers requests that are not valid: `422` as its vendor documents, or `400` as its gateway answers.',
    z
      .enum(['422', '400'])
      .prefault('422')
      .transform((status) => (status === '422' ? 422 : 400)),
  ),
  FERMATA_TELNYX_NULLS: variable(
    'Agents and faces',
    '`1`: the telnyx face sends members that are not set as `null`, as its vendor does; `0`: it leaves them out, as its vendor documents.',
    z
      .enum(['0', '1'])
      .prefault('0')
      .transform((flag) => flag === '1'),
  ),
  FERMATA_CODEGEN_RATE_LIMITS: variable(
    'Agents and faces',
    'Rate limits of the codegen face: as its vendor documents them, per key and operation and over all processes, or `off`.',
    z.enum(['documented', 'off']).prefault('documented'),
  ),
  FERMATA_SHANNON_RATE_LIMITS: variable(
    'Agents and faces',
    'Rate limits of the shannon face: as its vendor has them for API keys (60 a minute, 1,000 an hour, 10,000 a day, over all processes), or `off`.',
    z.enum(['documented', 'off']).prefault('documented'),
  ),
  FERMATA_ROOT_DIALECT: variable(
    'Agents and faces',
    'Face that is also mounted at `/`: `telnyx`, `codegen`, `runtype` or `shannon`. The option `--root` overrides it.',
    z.enum(FACES).optional(),
    'none',
  ),

  FERMATA_CONCURRENCY: variable(
    'Running',
    'Runs that one process drives at the same time; parked runs do not count.',
    integer(1, 100_000).prefault('256'),
  ),
  FERMATA_ORGANIZATION_CONCURRENCY: variable(
    'Running',
    'Runs of one organization that are driven at the same time, over all processes.',
    integer(1, 1_000_000).optional(),
    'no limit',
  ),
  FERMATA_DRAIN_MS: variable(
    'Running',
    'How long (ms) a stopping server lets steps finish before it aborts them and gives their runs back.',
    integer(0, 3_600_000).prefault('20000'),
  ),

  FERMATA_TOOL_TIMEOUT_MS: variable(
    'Tools',
    'How long (ms) a tool call may take, unless its tool says otherwise.',
    integer(100, 86_400_000).prefault('60000'),
  ),
  FERMATA_ALLOW_PRIVATE_ADDRESSES: variable(
    'Tools',
    'Hosts, addresses and networks (CIDR), separated by commas, that tools and webhooks may call although they are ' +
      'private; a port may follow a host, as in `127.0.0.1:8080`. Loopback counts as private: the server may have ' +
      'neighbours on its machine that trust it. Base URLs of model providers need no entry.',
    list
      .pipe(
        z.array(z.string().refine(isHostOrNetwork, 'must be hosts, addresses or networks like 10.0.0.0/8')),
      )
      .prefault(''),
    'none',
  ),

  FERMATA_CRASH_AT: variable(
    'Testing',
    'Crash point, `<name>` or `<name>:<n>`, where the process kills itself when it comes there (for the n-th time). ' +
      'For fault tests only.',
    crashPoint.optional(),
    'none',
  ),
  FERMATA_STOP_AT: variable(
    'Testing',
    'The same, but the process freezes there until it is sent SIGCONT.',
    crashPoint.optional(),
    'none',
  ),
});

function faceAgent(face: Face): z.ZodOptional<typeof name> {
  return variable(
    'Agents and faces',
    `The same for requests on the ${face} face.`,
    name.optional(),
    '`FERMATA_DEFAULT_AGENT`',
  );
}

function isHostOrNetwork(text: string): boolean {
  if (ipaddr.isValidCIDR(text) || ipaddr.isValid(text)) return true;
  return /^(\[[0-9a-f:]+\]|[a-z0-9_]([a-z0-9_.-]*[a-z0-9])?)(:\d{1,5})?$/i.test(text);
}
