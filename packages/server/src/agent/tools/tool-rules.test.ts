import { describe, expect, it } from 'vitest';
import type { ToolDraft } from './resolved-tool.ts';
import { ruled, type ToolRules } from './tool-rules.ts';

const DRAFT: ToolDraft = {
  name: 'pay',
  description: undefined,
  inputSchema: undefined,
  type: 'http',
  approval: 'never',
  afterCrash: undefined,
  isHarmless: false,
  timeoutMs: 1_000,
  deadline: [{ after: 1, expire: true }],
  approvalDeadline: undefined,
  onExpire: undefined,
  maxCalls: 5,
  mustCall: undefined,
  target: { kind: 'wait' },
};
const RULES: ToolRules = { pay: { approval: 'always', maxCalls: 1 }, '*': { maxCalls: 9 } };

describe('rules for tools', () => {
  it('go before what the tool says itself, and leave the rest', () => {
    expect(ruled(DRAFT, RULES)).toEqual({ ...DRAFT, approval: 'always', maxCalls: 1 });
    expect(ruled(DRAFT, undefined)).toBe(DRAFT);
  });

  it('name a tool of a server also as the server does', () => {
    const target = { kind: 'mcp' as const, server: 'bank', remoteName: 'pay' };
    expect(ruled({ ...DRAFT, type: 'mcp', name: 'bank_pay', target }, RULES).approval).toBe('always');
  });

  it('are by * for all that they do not name, but for the built-in ones', () => {
    expect(ruled({ ...DRAFT, name: 'other' }, RULES)).toMatchObject({ approval: 'never', maxCalls: 9 });
    expect(ruled({ ...DRAFT, name: 'ask_user', type: 'builtin' }, RULES).maxCalls).toBe(5);
    expect(ruled({ ...DRAFT, name: 'constructor' }, { pay: {} }).maxCalls).toBe(5);
  });
});
