import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.ts';
import { variables, notes } from './variables.ts';

function problemsOf(environment: Record<string, string>, args: string[] = []): readonly string[] {
  try {
    loadConfig(environment, args);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('serves on loopback port 7700 with an embedded database when nothing is set', () => {
    const { config, warnings } = loadConfig({});
    expect(config.server).toMatchObject({ host: '127.0.0.1', port: 7700, publicUrl: null, corsOrigins: [] });
    expect(config.server.dataDir).toMatch(/\/\.fermata$/);
    expect(config.database).toEqual({ url: null, directUrl: null, poolSize: 8 });
    expect(config.running).toEqual({ concurrency: 256, organizationConcurrency: null, drainMs: 20_000 });
    expect(config.models.default).toBe('script/echo');
    expect(warnings).toEqual([]);
  });

  it('takes an empty variable as one that is not set', () => {
    expect(loadConfig({ PORT: '', DATABASE_URL: '', FERMATA_MODEL: '' }).config.server.port).toBe(7700);
  });

  it('reports everything that is wrong at once, naming each variable', () => {
    const problems = problemsOf({
      PORT: '70000',
      DATABASE_URL: 'mysql://localhost/x',
      FERMATA_SECRET_KEY: 'too-short',
      FERMATA_MODEL_ALIASES: '{not json',
      FERMATA_UNKNOWN_MODEL: 'maybe',
      FERMATA_OPENAI_COMPATIBLE:
        '{"local": {"baseUrl": "nope", "extra": 1}, "Bad Name": {"baseUrl": "http://x"}}',
      FERMATA_ALLOW_PRIVATE_ADDRESSES: '10.0.0.0/8, not a host!',
      FERMATA_PUBLIC_URL: 'ftp://x',
    });
    const text = problems.join('\n');
    for (const name of [
      'PORT must be a whole number from 0 to 65535',
      'DATABASE_URL must be a postgres',
      'FERMATA_SECRET_KEY must be 32 bytes',
      'FERMATA_MODEL_ALIASES must be JSON like',
      'FERMATA_UNKNOWN_MODEL must be one of fail, default',
      'FERMATA_OPENAI_COMPATIBLE (local.baseUrl) must be an http',
      'FERMATA_OPENAI_COMPATIBLE (local) has unknown keys: extra',
      'FERMATA_OPENAI_COMPATIBLE (Bad Name) provider names have',
      'FERMATA_ALLOW_PRIVATE_ADDRESSES (1) must be hosts',
      'FERMATA_PUBLIC_URL must be an http',
    ]) {
      expect(text).toContain(name);
    }
  });

  it('takes the roles that may leave out a digest by name', () => {
    expect(loadConfig({}).config.keys.digestOptionalRoles).toEqual([]);
    const { keys } = loadConfig({ FERMATA_DIGEST_OPTIONAL_ROLES: 'developer, admin' }).config;
    expect(keys.digestOptionalRoles).toEqual(['developer', 'admin']);
    expect(problemsOf({ FERMATA_DIGEST_OPTIONAL_ROLES: 'boss', FERMATA_RECEIPT_KEY: 'short' })).toEqual([
      expect.stringMatching(/^FERMATA_RECEIPT_KEY must be 32 bytes/),
      expect.stringMatching(/^FERMATA_DIGEST_OPTIONAL_ROLES .*(must be|viewer)/),
    ]);
  });

  it('refuses a direct URL without a database URL', () => {
    expect(problemsOf({ FERMATA_DATABASE_DIRECT_URL: 'postgres://db/x' })).toEqual([
      'FERMATA_DATABASE_DIRECT_URL needs DATABASE_URL beside it',
    ]);
  });

  it('lets --root override the environment and refuses what it does not know', () => {
    const { config } = loadConfig({ FERMATA_ROOT_DIALECT: 'telnyx' }, ['--root', 'shannon']);
    expect(config.server.rootDialect).toBe('shannon');
    expect(problemsOf({}, ['--root', 'nobody'])[0]).toContain('FERMATA_ROOT_DIALECT must be one of');
    expect(problemsOf({}, ['--rooot', 'telnyx'])[0]).toContain('--rooot');
  });

  it('chooses the model of the first provider whose key is set', () => {
    const keys = { OPENAI_API_KEY: 'k1', GOOGLE_GENERATIVE_AI_API_KEY: 'k2' };
    expect(loadConfig(keys).config.models.default).toMatch(/^openai\//);
    expect(loadConfig({ ...keys, ANTHROPIC_API_KEY: 'k3' }).config.models.default).toMatch(/^anthropic\//);
    expect(loadConfig({ ...keys, FERMATA_MODEL: 'script/slow' }).config.models.default).toBe('script/slow');
  });

  it('gives a face the general default agent unless it has its own', () => {
    const { agents } = loadConfig({
      FERMATA_DEFAULT_AGENT: 'helper',
      FERMATA_SHANNON_DEFAULT_AGENT: 'researcher',
    }).config;
    expect(agents.byFace).toEqual({
      telnyx: 'helper',
      codegen: 'helper',
      runtype: 'helper',
      shannon: 'researcher',
    });
  });

  it('gives a face the general default flow unless it has its own, or an agent of its own', () => {
    const { flows } = loadConfig({
      FERMATA_DEFAULT_FLOW: 'greeting',
      FERMATA_SHANNON_DEFAULT_AGENT: 'researcher',
      FERMATA_RUNTYPE_DEFAULT_AGENT: 'helper',
      FERMATA_RUNTYPE_DEFAULT_FLOW: 'support',
    }).config;
    expect(flows).toEqual({
      default: 'greeting',
      byFace: { telnyx: 'greeting', codegen: 'greeting', runtype: 'support', shannon: null },
    });
  });

  it('never shows a secret, however the configuration is printed', () => {
    const { config } = loadConfig({
      DATABASE_URL: 'postgres://me:hush-hush@db/x',
      FERMATA_API_KEY: 'hush-hush-key-0000',
      ANTHROPIC_API_KEY: 'hush-hush-anthropic',
      FERMATA_OPENAI_COMPATIBLE: '{"local": {"baseUrl": "http://x/v1/", "apiKey": "hush-hush-local"}}',
    });
    expect(JSON.stringify(config) + inspect(config, { depth: 10 })).not.toContain('hush');
    expect(config.models.compatible['local']?.baseUrl).toBe('http://x/v1');
    expect(config.models.compatible['local']?.apiKey?.reveal()).toBe('hush-hush-local');
    expect(problemsOf({ DATABASE_URL: 'hush-hush' }).join()).not.toContain('hush');
  });

  it('warns of a variable that nobody reads', () => {
    expect(loadConfig({ FERMATA_MODLE: 'x' }).warnings[0]).toContain('FERMATA_MODLE');
  });

  it('has a description and a group for every variable', () => {
    for (const [name, schema] of Object.entries(variables.shape)) {
      expect(schema.description, name).toBeTruthy();
      expect(notes.get(schema)?.group, name).toBeTruthy();
    }
  });
});
