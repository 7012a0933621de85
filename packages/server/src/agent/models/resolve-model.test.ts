import { describe, expect, it } from 'vitest';
import { resolveModel, type ResolvedModel, type ResolverOptions } from './resolve-model.ts';

function resolve(
  name: string,
  more: Partial<ResolverOptions> & { providers?: string[] } = {},
): ResolvedModel {
  const { providers = ['openai', 'anthropic', 'google', 'local'], ...options } = more;
  return resolveModel(name, {
    hasProvider: (provider) => providers.includes(provider),
    aliases: { fast: 'openai/gpt-mini', smart: 'claude-big', loop: 'fast', 'gpt-old': 'local/llama' },
    unknownModel: 'fail',
    defaultModel: 'script/echo',
    ...options,
  });
}

describe('resolveModel', () => {
  it.each([
    ['openai/gpt-x', 'openai', 'gpt-x'],
    ['local/meta/llama-3', 'local', 'meta/llama-3'],
    ['script/anything', 'script', 'anything'],
    ['fast', 'openai', 'gpt-mini'],
    ['smart', 'anthropic', 'claude-big'],
    ['gpt-old', 'local', 'llama'],
    ['gpt-x', 'openai', 'gpt-x'],
    ['o3-mini', 'openai', 'o3-mini'],
    ['claude-x', 'anthropic', 'claude-x'],
    ['gemini-x', 'google', 'gemini-x'],
  ])('finds %s at %s as %s', (name, provider, model) => {
    expect(resolve(name)).toEqual({ ok: true, provider, model });
  });

  it.each(['mystery', 'nowhere/model', 'loop', '', '/', 'openai/', 'toString', 'ollama-x'])(
    'does not find %j',
    (name) => {
      expect(resolve(name)).toMatchObject({ ok: false, code: 'provider_not_configured' });
    },
  );

  it('names the key that is missing', () => {
    const result = resolve('claude-x', { providers: [] });
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining('ANTHROPIC_API_KEY') });
  });

  it('takes the default model for unknown ones where that is allowed', () => {
    expect(resolve('mystery', { unknownModel: 'default' })).toEqual({
      ok: true,
      provider: 'script',
      model: 'echo',
    });
    expect(resolve('claude-x', { providers: [], unknownModel: 'default' })).toMatchObject({
      provider: 'script',
    });
    expect(resolve('mystery', { unknownModel: 'default', defaultModel: 'fast' })).toMatchObject({
      model: 'gpt-mini',
    });
    expect(resolve('mystery', { unknownModel: 'default', defaultModel: 'nonsense' })).toMatchObject({
      ok: false,
    });
  });
});
