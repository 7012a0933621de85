import type { FlowStep } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { faultsOfSteps } from './check-steps.ts';

const named = (id: string): { id: string; name: string } => ({ id, name: id });
const send = (id: string, text = 'x'): FlowStep => ({ ...named(id), type: 'send', text });
const condition = (id: string, then: FlowStep[], otherwise?: FlowStep[]): FlowStep => ({
  ...named(id),
  type: 'condition',
  condition: 'true',
  then,
  else: otherwise,
});
const request = { url: 'https://a.test/{{x}}', method: 'POST' as const };

async function places(steps: FlowStep[]): Promise<string[]> {
  return (await faultsOfSteps(steps)).map(({ path }) => path.join('.'));
}

describe('the check of a flow’s steps', () => {
  it('finds nothing in steps of every type that work', async () => {
    const steps: FlowStep[] = [
      {
        ...named('agent'),
        type: 'agent',
        prompt: '{{ a | upcase }}',
        messages: '{{messages}}',
        when: 'a > 1',
      },
      { ...named('tool'), type: 'tool', tool: { type: 'client', name: 'look' }, args: { q: '{{a}}' } },
      {
        ...named('http'),
        type: 'http',
        request: { ...request, headers: { a: 'Bearer {{secrets.key}}' }, body: { a: ['{{secret:key}}'] } },
      },
      { ...named('transform'), type: 'transform', script: 'const a = await 1;\nreturn { a }' },
      { ...named('set'), type: 'set', variable: 'a', value: { b: ['{{c}}', 1, null] } },
      {
        ...named('wait'),
        type: 'wait',
        poll: { request, success: 'response.ok', intervalMs: 100, maxAttempts: 2 },
      },
      { ...named('later'), type: 'wait', delayMs: '{{ n | times: 1000 }}' },
      condition('if', [send('then')], [send('else')]),
    ];
    expect(await faultsOfSteps(steps)).toEqual([]);
    expect(await faultsOfSteps([])).toEqual([]);
  });

  it('finds texts that do not parse, wherever they stand', async () => {
    const output = { type: 'output' as const, output: { a: ['{{'] } };
    const bad = '{{ a';
    const steps: FlowStep[] = [
      { ...send('1', bad), when: 'a b', onError: { then: 'fail', fallbacks: [{ type: 'retry' }, output] } },
      { ...named('2'), type: 'agent', prompt: bad, messages: [bad], agent: { instructions: bad } },
      {
        ...named('3'),
        type: 'http',
        request: { ...request, url: bad, query: { q: '{{secrets.a | upcase}}' } },
      },
      { ...named('4'), type: 'wait', until: bad },
      {
        ...named('5'),
        type: 'wait',
        poll: { request: { ...request, body: bad }, success: '(', intervalMs: 100, maxAttempts: 1 },
      },
      condition(
        '6',
        [{ ...named('7'), type: 'transform', script: 'return {' }],
        [send('8', '{{secrets.a}}')],
      ),
      { ...named('9'), type: 'tool', tool: { type: 'mcp', name: 'x', server: 'b' }, args: bad },
      { ...named('10'), type: 'tool', tool: { type: 'builtin', name: 'no_such' } },
      { ...named('11'), type: 'set', variable: 'a', value: bad },
    ];
    expect((await places(steps)).sort()).toEqual(
      [
        '0.text',
        '0.when',
        '0.onError.fallbacks.1.output.a.0',
        '1.prompt',
        '1.messages.0',
        '1.agent.instructions',
        '2.request.url',
        '2.request.query.q',
        '3.until',
        '4.poll.request.body',
        '4.poll.success',
        '5.then.0.script',
        '5.else.0.text',
        '6.args',
        '6.tool.server',
        '7.tool.name',
        '8.value',
      ].sort(),
    );
  });

  it('finds ids that are used twice, in whatever branch', async () => {
    expect(await places([send('a'), condition('b', [send('c')], [send('a')]), send('c')])).toEqual([
      '1.else.0.id',
      '2.id',
    ]);
  });

  it('refuses too many steps and conditions that are nested too deep', async () => {
    const many = (count: number): FlowStep[] => Array.from({ length: count }, (_, n) => send(`s${n}`));
    expect(await places([condition('c', many(199))])).toEqual([]);
    expect(await places([condition('c', many(200))])).toEqual(['']);
    const deep = (depth: number): FlowStep =>
      depth === 0 ? send('s') : condition(`c${depth}`, [deep(depth - 1)]);
    expect(await places([deep(10)])).toEqual([]);
    expect(await places([deep(11)])).toEqual([`0${'.then.0'.repeat(10)}`]);
  });

  it('names twenty faults at most', async () => {
    expect(await places(Array.from({ length: 30 }, (_, n) => send(`s${n}`, '{{')))).toHaveLength(20);
  });
});
