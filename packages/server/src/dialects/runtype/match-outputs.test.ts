import type { JsonObject } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchOutputs, type Candidate } from './match-outputs.ts';

const candidate = (callId: string, tool: string, more: Partial<Candidate> = {}): Candidate => ({
  waitId: `wait_${callId}`,
  runId: 'run',
  kind: 'tool_output',
  callId,
  tool,
  isOpen: true,
  ...more,
});

function matches(outputs: JsonObject, candidates: readonly Candidate[]): Record<string, unknown> {
  const info = { get_cart: { name: 'get-Cart', origin: 'webmcp' } };
  return Object.fromEntries<unknown>(
    matchOutputs(outputs, candidates, info).map(({ candidate: { callId }, output }) => [
      String(callId),
      output,
    ]),
  );
}

describe('keys of outputs', () => {
  const cart = candidate('c1', 'get_cart');
  const again = candidate('c2', 'get_cart');
  const ask = candidate('c3', 'ask');

  it.each([
    ['the call id', { c2: 1 }, { c2: 1 }],
    ['webmcp: and the name of the page', { 'webmcp:get-Cart': 1 }, { c1: 1 }],
    ['the name of the page', { 'get-Cart': 1 }, { c1: 1 }],
    ['the name of the model', { get_cart: 1 }, { c1: 1 }],
    ['the id of the wait', { wait_c3: 1 }, { c3: 1 }],
    ['nothing', { nobody: 1, 'webmcp:': 2, '': 3 }, {}],
    ['a call id before a name', { get_cart: 'name', c1: 'id' }, { c1: 'id', c2: 'name' }],
  ])('are %s', (_name, outputs, expected) => {
    expect(matches(outputs, [cart, again, ask])).toEqual(expected);
  });

  it('are outputs whatever their value', () => {
    expect(matches({ c1: null, c2: 0, c3: '' }, [cart, again, ask])).toEqual({ c1: null, c2: 0, c3: '' });
  });

  it('name an open call before one that is answered', () => {
    expect(matches({ get_cart: 1 }, [{ ...cart, isOpen: false }, again])).toEqual({ c2: 1 });
    expect(matches({ get_cart: 1 }, [{ ...cart, isOpen: false }])).toEqual({ c1: 1 });
  });

  it('never give two outputs to one call, and none to a call of another tool', () => {
    const tools = fc.constantFrom('get_cart', 'ask', 'other');
    const calls = fc.array(tools, { maxLength: 6 });
    const keys = fc.constantFrom(
      'c0',
      'c1',
      'c2',
      'get_cart',
      'webmcp:get-Cart',
      'ask',
      'webmcp:ask',
      'zz',
      '__proto__',
    );
    fc.assert(
      fc.property(calls, fc.uniqueArray(keys), (names, given) => {
        const candidates = names.map((tool, index) => candidate(`c${index}`, tool));
        const outputs = Object.fromEntries(given.map((key) => [key, key]));
        const matched = matchOutputs(outputs, candidates, { get_cart: { name: 'get-Cart' } });
        expect(new Set(matched.map(({ candidate: one }) => one)).size).toBe(matched.length);
        for (const { candidate: one, output } of matched) {
          const key = String(output).replace('webmcp:', '').replace('get-Cart', 'get_cart');
          expect(key === one.callId || key === one.tool).toBe(true);
        }
        for (const [index] of names.entries()) {
          const isGiven = given.some((key) => key === `c${index}`);
          if (isGiven)
            expect(
              matched.some(({ output, candidate: one }) => output === `c${index}` && one.callId === output),
            ).toBe(true);
        }
      }),
    );
  });
});
