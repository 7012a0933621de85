import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Role } from '@fermata/protocol';
import type { z } from 'zod';
import type { Environment } from './env.ts';
import type { Secret } from './secrets.ts';
import { variables, type Face } from './variables.ts';

export type { Face } from './variables.ts';

/** Key and base URL of a built-in provider; null: not configured, or the provider's own address. */
export interface ProviderConfig {
  apiKey: Secret | null;
  baseUrl: string | null;
}

/** The checked configuration of one server process. */
export interface Config {
  server: {
    host: string;
    /** 0: a free one. */
    port: number;
    /** Without a trailing slash; null: derived from where the server listens. */
    publicUrl: string | null;
    corsOrigins: string[];
    /** Absolute. */
    dataDir: string;
    logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
    rootDialect: Face | null;
  };
  database: {
    /** Null: the embedded PostgreSQL. */
    url: Secret | null;
    directUrl: Secret | null;
    poolSize: number;
  };
  keys: {
    apiKey: Secret | null;
    secretKey: Secret | null;
    /** Null: generated and kept in the data directory. */
    receiptKey: Secret | null;
    digestOptionalRoles: Role[];
    /** Ids of keys whose requests are not counted. */
    unlimited: string[];
  };
  models: {
    default: string;
    aliases: Record<string, string>;
    unknown: 'fail' | 'default';
    stallMs: number;
    anthropic: ProviderConfig;
    openai: ProviderConfig;
    google: ProviderConfig;
    compatible: Record<string, { baseUrl: string; apiKey: Secret | null }>;
    /** JSON, or a file of it. */
    prices: string | null;
  };
  faces: {
    telnyx: { validationStatus: 400 | 422; sendsNulls: boolean };
    codegen: { hasRateLimits: boolean };
    runtype: { corsOrigins: string[] };
    shannon: { tiers: Record<string, string>; hasRateLimits: boolean };
  };
  /** Agent id or file of requests that name none; null: the built-in agent. */
  agents: { default: string | null; byFace: Record<Face, string | null> };
  /** Flow id or file of requests that name neither agent nor flow; null: the default agent. */
  flows: { default: string | null; byFace: Record<Face, string | null> };
  running: {
    concurrency: number;
    organizationConcurrency: number | null;
    drainMs: number;
  };
  tools: { timeoutMs: number; allowPrivateAddresses: string[] };
  testing: { crashAt: string | null; stopAt: string | null };
}

export interface LoadedConfig {
  config: Config;
  /** What looks like a mistake but stops nothing, one line each. */
  warnings: string[];
}

/** All that is wrong with the configuration, one line each. No line contains a value of a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const lines = problems.map((problem) => `  ${problem}`).join('\n');
    super(`The configuration is not valid:\n${lines}\nAll variables are described in docs/config.md.`);
    this.problems = problems;
  }
}

/**
 * Checks the environment and the command line (`--root <dialect>`).
 * @throws ConfigError that names every problem at once
 */
export function loadConfig(environment: Environment, args: readonly string[] = []): LoadedConfig {
  const problems: string[] = [];
  const present = withoutEmpty(environment);
  const root = readRootOption(args, problems);
  if (root !== undefined) present['FERMATA_ROOT_DIALECT'] = root;

  const parsed = variables.safeParse(present);
  for (const issue of parsed.error?.issues ?? []) problems.push(describeIssue(issue));
  if (present['FERMATA_DATABASE_DIRECT_URL'] !== undefined && present['DATABASE_URL'] === undefined) {
    problems.push('FERMATA_DATABASE_DIRECT_URL needs DATABASE_URL beside it');
  }
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return { config: groupVariables(parsed.data), warnings: findUnknown(present) };
}

// `PORT= npm start` means "not set" to everybody who writes it.
function withoutEmpty(environment: Environment): Record<string, string> {
  const entries = Object.entries(environment).filter(([, value]) => value !== undefined && value !== '');
  return Object.fromEntries(entries) as Record<string, string>;
}

function readRootOption(args: readonly string[], problems: string[]): string | undefined {
  try {
    return parseArgs({ args: [...args], options: { root: { type: 'string' } } }).values.root;
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const [name, ...inside] = issue.path.map(String);
  return `${name ?? 'environment'} ${inside.length > 0 ? `(${inside.join('.')}) ` : ''}${describeFault(issue)}`;
}

function describeFault(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? 'has a name that is not allowed';
    case 'unrecognized_keys':
      return `has unknown keys: ${issue.keys.join(', ')}`;
    default:
      return issue.message;
  }
}

/** Read by the command line client alone. */
const CLIENT_VARIABLES: ReadonlySet<string> = new Set(['FERMATA_URL']);

function findUnknown(present: Record<string, string>): string[] {
  return Object.keys(present)
    .filter(
      (name) => name.startsWith('FERMATA_') && !(name in variables.shape) && !CLIENT_VARIABLES.has(name),
    )
    .map((name) => `${name} is not a variable of Fermata; all are listed in docs/config.md`);
}

function groupVariables(env: z.output<typeof variables>): Config {
  const agent = env.FERMATA_DEFAULT_AGENT ?? null;
  const flow = env.FERMATA_DEFAULT_FLOW ?? null;
  return {
    server: {
      host: env.HOST,
      port: env.PORT,
      publicUrl: env.FERMATA_PUBLIC_URL ?? null,
      corsOrigins: env.FERMATA_CORS_ORIGINS,
      dataDir: resolve(env.FERMATA_DATA_DIR),
      logLevel: env.FERMATA_LOG_LEVEL,
      rootDialect: env.FERMATA_ROOT_DIALECT ?? null,
    },
    database: {
      url: env.DATABASE_URL ?? null,
      directUrl: env.FERMATA_DATABASE_DIRECT_URL ?? null,
      poolSize: env.FERMATA_DB_POOL,
    },
    keys: {
      apiKey: env.FERMATA_API_KEY ?? null,
      secretKey: env.FERMATA_SECRET_KEY ?? null,
      receiptKey: env.FERMATA_RECEIPT_KEY ?? null,
      digestOptionalRoles: env.FERMATA_DIGEST_OPTIONAL_ROLES,
      unlimited: env.FERMATA_UNLIMITED_KEYS,
    },
    models: {
      default: env.FERMATA_MODEL ?? sensibleModel(env),
      aliases: env.FERMATA_MODEL_ALIASES,
      unknown: env.FERMATA_UNKNOWN_MODEL,
      stallMs: env.FERMATA_MODEL_STALL_MS,
      prices: env.FERMATA_PRICES ?? null,
      anthropic: { apiKey: env.ANTHROPIC_API_KEY ?? null, baseUrl: env.ANTHROPIC_BASE_URL ?? null },
      openai: { apiKey: env.OPENAI_API_KEY ?? null, baseUrl: env.OPENAI_BASE_URL ?? null },
      google: { apiKey: env.GOOGLE_GENERATIVE_AI_API_KEY ?? null, baseUrl: env.GOOGLE_BASE_URL ?? null },
      compatible: Object.fromEntries(
        Object.entries(env.FERMATA_OPENAI_COMPATIBLE).map(([name, { baseUrl, apiKey }]) => [
          name,
          { baseUrl, apiKey: apiKey ?? null },
        ]),
      ),
    },
    faces: {
      telnyx: {
        validationStatus: env.FERMATA_TELNYX_VALIDATION_STATUS,
        sendsNulls: env.FERMATA_TELNYX_NULLS,
      },
      codegen: { hasRateLimits: env.FERMATA_CODEGEN_RATE_LIMITS === 'documented' },
      runtype: { corsOrigins: env.FERMATA_CORS_ORIGINS },
      // Shannon's tiers are names of models as any other.
      shannon: {
        tiers: env.FERMATA_MODEL_ALIASES,
        hasRateLimits: env.FERMATA_SHANNON_RATE_LIMITS === 'documented',
      },
    },
    agents: {
      default: agent,
      byFace: {
        telnyx: env.FERMATA_TELNYX_DEFAULT_AGENT ?? agent,
        codegen: env.FERMATA_CODEGEN_DEFAULT_AGENT ?? agent,
        runtype: env.FERMATA_RUNTYPE_DEFAULT_AGENT ?? agent,
        shannon: env.FERMATA_SHANNON_DEFAULT_AGENT ?? agent,
      },
    },
    flows: {
      default: flow,
      // A face that has an agent of its own keeps it, unless it has a flow of its own.
      byFace: {
        telnyx: env.FERMATA_TELNYX_DEFAULT_AGENT === undefined ? flow : null,
        codegen: env.FERMATA_CODEGEN_DEFAULT_AGENT === undefined ? flow : null,
        runtype:
          env.FERMATA_RUNTYPE_DEFAULT_FLOW ?? (env.FERMATA_RUNTYPE_DEFAULT_AGENT === undefined ? flow : null),
        shannon: env.FERMATA_SHANNON_DEFAULT_AGENT === undefined ? flow : null,
      },
    },
    running: {
      concurrency: env.FERMATA_CONCURRENCY,
      organizationConcurrency: env.FERMATA_ORGANIZATION_CONCURRENCY ?? null,
      drainMs: env.FERMATA_DRAIN_MS,
    },
    tools: {
      timeoutMs: env.FERMATA_TOOL_TIMEOUT_MS,
      allowPrivateAddresses: env.FERMATA_ALLOW_PRIVATE_ADDRESSES,
    },
    testing: { crashAt: env.FERMATA_CRASH_AT ?? null, stopAt: env.FERMATA_STOP_AT ?? null },
  };
}

function sensibleModel(env: z.output<typeof variables>): string {
  if (env.ANTHROPIC_API_KEY) return 'anthropic/claude-sonnet-4-6';
  if (env.OPENAI_API_KEY) return 'openai/gpt-5.4';
  if (env.GOOGLE_GENERATIVE_AI_API_KEY) return 'google/gemini-3.5-flash';
  return 'script/echo';
}
