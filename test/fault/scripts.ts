import type { ScriptTurn, StartRunBody, Tool } from '@fermata/protocol';
import type { EffectTarget } from '../world/effects.ts';

type StartBody = Partial<StartRunBody>;

const ARGS_SCHEMA = { type: 'object' };

function scripted(script: ScriptTurn[], tools: Tool[] = []): StartBody {
  return { agent: { model: 'script/fault', script, tools }, input: 'Go.' };
}

/** A tool of the target. `POST` unless given, so that a repeat is not harmless by nature. */
export function effectTool(target: EffectTarget, name: string, more: Partial<Tool> = {}): Tool {
  return {
    type: 'http',
    name,
    inputSchema: ARGS_SCHEMA,
    http: { url: `${target.url}/${name}`, method: 'POST' },
    ...more,
  };
}

/** Says something, asks for one approved payment, reports. */
export function approvalRun(target: EffectTarget, pay: Partial<Tool> = { afterCrash: 'retry' }): StartBody {
  return scripted(
    [{ text: 'I pay.', toolCalls: [{ tool: 'pay', args: { amount: 7 } }] }, { text: 'It is paid.' }],
    [effectTool(target, 'pay', { approval: 'always', ...pay })],
  );
}

export const STREAMED_WORDS = 24;

/** One answer in many pieces, over more than a second. */
export function streamingRun(deltaDelayMs = 60): StartBody {
  const deltas = Array.from({ length: STREAMED_WORDS }, (_, index) => `word-${index} `);
  return scripted([{ deltas, deltaDelayMs }]);
}

/** Three calls at once, then another one, then the end. `afterCrash` of each. */
export function parallelRun(target: EffectTarget, afterCrash: 'retry' | 'ask' = 'retry'): StartBody {
  const names = ['first', 'second', 'third'];
  return scripted(
    [
      { toolCalls: names.map((tool) => ({ tool, args: {} })) },
      { toolCalls: [{ tool: 'first', args: { again: true } }] },
      { text: 'All is done.' },
    ],
    names.map((name) => effectTool(target, name, { afterCrash })),
  );
}

/** A plan, and one step of it done. */
export function planRun(): StartBody {
  const steps = [{ id: 'only', description: 'The only step' }];
  return scripted(
    [
      { toolCalls: [{ tool: 'create_plan', args: { steps } }] },
      { toolCalls: [{ tool: 'update_step', args: { id: 'only', status: 'completed' } }] },
      { text: 'It is done.' },
    ],
    [
      { type: 'builtin', name: 'create_plan' },
      { type: 'builtin', name: 'update_step' },
    ],
  );
}

/** One call that is not approved and must not be made twice. */
export function askRun(target: EffectTarget, send: Partial<Tool> = {}): StartBody {
  return scripted(
    [{ toolCalls: [{ tool: 'send', args: { to: 'all' } }] }, { text: 'It is sent.' }],
    [effectTool(target, 'send', { afterCrash: 'ask', ...send })],
  );
}

/** Turns with a call each, one after the other: a run that keeps a segment busy for a while. */
export function longRun(target: EffectTarget, turns: number, delayMs: number): StartBody {
  return scripted(
    [
      ...Array.from({ length: turns }, (_, index) => ({
        delayMs,
        text: `Turn ${index + 1}.`,
        toolCalls: [{ tool: 'work', args: { turn: index + 1 } }],
      })),
      { text: 'That was all.' },
    ],
    [effectTool(target, 'work', { afterCrash: 'retry' })],
  );
}

/** A model that fails for good, two fallbacks, and then a tool that must be called, and may be called once. */
export function fallbackRun(target: EffectTarget): StartBody {
  const audit = { tool: 'audit', args: {} };
  const script: ScriptTurn[] = [
    { error: { status: 400, message: 'out of order' } },
    { toolCalls: [audit, audit] },
    { text: 'It is audited.' },
  ];
  const { agent, ...rest } = scripted(script, [
    effectTool(target, 'audit', { afterCrash: 'retry', mustCall: true, maxCalls: 1 }),
  ]);
  if (typeof agent !== 'object') throw new Error('the agent is not inline');
  const fallbacks = [{ type: 'retry' as const }, { type: 'model' as const, model: 'script/echo' }];
  return { ...rest, agent: { ...agent, fallbacks } };
}
