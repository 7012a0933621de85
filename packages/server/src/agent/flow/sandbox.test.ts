import { describe, expect, it } from 'vitest';
import * as fc from 'fast-check';
import type { Json } from '@fermata/protocol';
import { evaluateCondition, evaluateExpression, runScript, syntaxFaults } from './sandbox.ts';

const value = (json: Json) => ({ ok: true, value: json });
const failure = (code: string, message: unknown = expect.any(String)) => ({
  ok: false,
  error: { code, message },
});

describe('an expression', () => {
  it.each<[string, Json]>([
    ['amount * 2', 42],
    ['`${user.name} has ${amount}`', 'Ada has 21'],
    ['input.user.name', 'Ada'],
    ['input["a-b"]', 'hyphen'],
    ['{ a: amount, b: [user] }', { a: 21, b: [{ name: 'Ada' }] }],
    ['amount > 20 // why not', true],
    ['list.find((x) => x > 9)', null],
    ['undefined', null],
    ['() => 1', null],
    ['1, 2', 2],
    ['await Promise.resolve(amount)', 21],
    ['0 / 0', null],
    ['input.input', 'mine'],
    ['typeof this + typeof globalThis.process', 'objectundefined'],
  ])('%s', async (expression, expected) => {
    const variables = { amount: 21, user: { name: 'Ada' }, list: [1, 2], 'a-b': 'hyphen', input: 'mine' };
    expect(await evaluateExpression(expression, variables)).toEqual(value(expected));
  });

  it('says what went wrong, in the script’s words and without a stack of ours', async () => {
    expect(await evaluateExpression('missing.x', {})).toEqual(
      failure('script_failed', "ReferenceError: 'missing' is not defined (line 1)"),
    );
    expect(await runScript('const a = 1;\nthrow new TypeError("no");', {})).toEqual(
      failure('script_failed', 'TypeError: no (line 2)'),
    );
    expect(await runScript('throw "plain"', {})).toEqual(failure('script_failed', 'plain'));
    expect(await runScript('throw { a: 1 }', {})).toEqual(failure('script_failed', '{"a":1}'));
    expect(await runScript('throw null', {})).toEqual(failure('script_failed', 'null'));
    expect(await runScript('throw undefined', {})).toEqual(failure('script_failed', 'undefined'));
    expect(await evaluateExpression('1n', {})).toEqual(failure('script_failed'));
  });

  it('is true or false as a condition, also where JSON has no word for the value', async () => {
    for (const [expression, truth] of [
      ['() => 1', true],
      ['Infinity', true],
      ['""', false],
      ['undefined', false],
      ['a', true],
    ] as const) {
      expect(await evaluateCondition(expression, { a: {} }), expression).toEqual(value(truth));
    }
  });

  it('sees every variable as it is', async () => {
    const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
    const name = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('__proto__', 'constructor', 'toString', 'JSON', 'Object', 'undefined', 'class', 'NaN'),
    );
    await fc.assert(
      fc.asyncProperty(name, json, async (key, member) => {
        const variables = Object.fromEntries([[key, member]]);
        Object.defineProperty(variables, key, { value: member, enumerable: true });
        const seen = await evaluateExpression(`input[${JSON.stringify(key)}]`, variables);
        expect(seen).toEqual(
          value(JSON.parse(JSON.stringify(member).replaceAll('\\u0000', '\uFFFD')) as Json),
        );
      }),
      { numRuns: 100 },
    );
  });
});

describe('a script', () => {
  it('is the body of a function, and may await', async () => {
    expect(await runScript('const [a, b] = await Promise.all([x, 2]);\nreturn a + b;', { x: 1 })).toEqual(
      value(3),
    );
    expect(await runScript('', {})).toEqual(value(null));
  });

  it('leaves nothing behind for the next one', async () => {
    await runScript(
      'globalThis.left = 1; Object.prototype.left = 1; JSON.stringify = () => "9"; return 1',
      {},
    );
    expect(await evaluateExpression('typeof left + JSON.stringify({})', {})).toEqual(value('undefined{}'));
  });

  it('cannot give another result than its own by overwriting built-ins', async () => {
    const script =
      'JSON.stringify = () => "9"; Promise.prototype.then = () => 7; globalThis.String = null; return 1';
    expect(await runScript(script, {})).toEqual(value(1));
  });

  it('reaches nothing of the process', async () => {
    for (const name of ['process', 'require', 'console', 'setTimeout', 'fetch', 'std', 'os', 'WebAssembly']) {
      expect(await runScript(`return typeof ${name}`, {}), name).toEqual(value('undefined'));
    }
    expect(await runScript("return Function('return this')().constructor === Object", {})).toEqual(
      value(true),
    );
    expect(await runScript("return await import('node:fs')", {})).toEqual(failure('script_failed'));
    const climb = 'return input.constructor.constructor("return typeof process")()';
    expect(await runScript(climb, {})).toEqual(value('undefined'));
  });
});

describe('a hostile script', () => {
  it.each<[string, string, string]>([
    ['loops for ever', 'for(;;){}', 'script_timeout'],
    ['loops where a finally catches it', 'function f(){try{f()}finally{f()}} f()', 'script_timeout'],
    ['loops in a getter of its result', 'return { get a() { for(;;){} } }', 'script_timeout'],
    ['loops in toJSON', 'return { toJSON() { for(;;){} } }', 'script_timeout'],
    ['loops in the message of its error', 'throw { get message() { for(;;){} } }', 'script_timeout'],
    ['loops in jobs', 'const f = () => Promise.resolve().then(f); await f()', 'script_timeout'],
    [
      'catches interruptions',
      'for(;;){ try { await (async () => { for(;;){} })() } catch {} }',
      'script_timeout',
    ],
    ['backtracks', 'return /(a+)+$/.test("a".repeat(50) + "b")', 'script_timeout'],
    ['makes a huge string', 'return "x".repeat(1e9)', 'script_memory'],
    ['makes a huge buffer', 'return new ArrayBuffer(3e8)', 'script_memory'],
    ['recurses', 'function f(){ return f() + 1 } return f()', 'script_failed'],
    ['parses deep JSON', 'return JSON.parse("[".repeat(1e6))', 'script_failed'],
    [
      'returns what is too deep',
      'let a = []; for (let i = 0; i < 200; i++) a = [a]; return a',
      'script_failed',
    ],
    ['returns too much', 'return "x".repeat(5e6)', 'script_failed'],
    ['returns a circle', 'const a = {}; a.a = a; return a', 'script_failed'],
    ['waits for nothing', 'await new Promise(() => {})', 'script_failed'],
    ['throws in a getter', 'return { get a() { throw new Error("no") } }', 'script_failed'],
    ['throws a proxy', 'throw new Proxy({}, { get() { throw 1 } })', 'script_failed'],
    ['revokes', 'const p = Proxy.revocable({}, {}); p.revoke(); return p.proxy', 'script_failed'],
    ['leaves the function', '})(); (() => {', 'script_failed'],
    ['does not parse', 'return (', 'script_failed'],
  ])('that %s fails, and the next one works', async (_what, script, code) => {
    // What is expected to fail otherwise has time for it on a busy machine too.
    const timeoutMs = code === 'script_timeout' ? 200 : 15_000;
    expect(await runScript(script, {}, { timeoutMs })).toEqual(failure(code));
    expect(await runScript('return 1', {})).toEqual(value(1));
  });

  it('that eats memory bit by bit is stopped', async () => {
    const script = 'const a = []; for(;;) a.push("x".repeat(1e5) + a.length)';
    expect(await runScript(script, {}, { timeoutMs: 30_000 })).toEqual(failure('script_memory'));
    expect(await runScript('return 1', {})).toEqual(value(1));
  }, 40_000);

  it('never blocks the process', async () => {
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    await Promise.all(Array.from({ length: 2 }, () => runScript('for(;;){}', {}, { timeoutMs: 1_500 })));
    clearInterval(timer);
    // A clock that stood still while they ran would have ticked once or twice in between.
    expect(ticks).toBeGreaterThan(10);
  });

  it('is stopped by its signal, running or queued', async () => {
    const controller = new AbortController();
    const scripts = Array.from({ length: 6 }, () =>
      runScript('for(;;){}', {}, { timeoutMs: 10_000, signal: controller.signal }),
    );
    await runScript('return 1', {}, { signal: AbortSignal.abort() });
    controller.abort();
    for (const result of await Promise.all(scripts)) expect(result).toEqual(failure('aborted'));
    expect(await runScript('return 1', {})).toEqual(value(1));
  });
});

describe('the syntax check', () => {
  const faults = (kind: 'expression' | 'script', ...texts: string[]): Promise<(string | null)[]> =>
    syntaxFaults(texts.map((text) => ({ kind, text })));
  const syntax = expect.stringContaining('SyntaxError') as string;

  it('finds what is no expression', async () => {
    expect(
      await faults('expression', 'a > 1 && b', 'for(;;){}', '{ a: 1 }', '1); (2', '', 'await a'),
    ).toEqual([null, syntax, null, syntax, syntax, null]);
  });

  it('finds what is no script, without running it', async () => {
    const scripts = ['for(;;){}', 'return await x', 'const a = 1;\nreturn a +;', '})(); (() => {'];
    const found = await faults('script', ...scripts);
    expect(found).toEqual([null, null, syntax, syntax]);
    expect(found[2]).toContain('(line 2)');
  });

  it('finds what breaks the parser, beside others that are fine', async () => {
    const found = await faults('expression', 'a', '('.repeat(100_000), 'b');
    expect(found).toEqual([null, expect.any(String), null]);
    expect(await faults('script')).toEqual([]);
  });
});
