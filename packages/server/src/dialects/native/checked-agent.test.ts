import { agentFieldsSchema, createAgentBodySchema, type AgentFields } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../engine/errors.ts';
import { faultsOf } from '../../http/request-validation.ts';
import { checkAgent } from './checked-agent.ts';

/** The places of the faults of a body, by the schema, or by what is checked behind it. */
function faults(body: unknown): string[] {
  const parsed = agentFieldsSchema.safeParse(body);
  if (!parsed.success) return faultsOf(parsed.error.issues, 'body').map(({ path }) => path);
  try {
    checkAgent(parsed.data, 'body');
    return [];
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return (error.details.errors ?? []).map(({ path }) => path);
  }
}

const tool = (fields: object): unknown => ({ tools: [{ type: 'client', name: 'look', ...fields }] });

describe('an agent', () => {
  it('may say all of its settings', () => {
    const fields: AgentFields = {
      settings: {
        temperature: 2,
        topP: 1,
        topK: 500,
        frequencyPenalty: -2,
        presencePenalty: 2,
        seed: -3,
        maxOutputTokens: 1,
        reasoning: { effort: 'xhigh', budgetTokens: 1_000 },
      },
      toolChoice: 'required',
      parallelToolCalls: false,
      fallbacks: [
        { type: 'retry', delayMs: 0 },
        { type: 'model', model: 'openai/gpt-5' },
        { type: 'output', output: 'Sorry.', delayMs: 60_000 },
      ],
      tools: [
        { type: 'client', name: 'look', maxCalls: 3, mustCall: true },
        { type: 'run', name: 'ask', run: { agent: 'agent_1' } },
        { type: 'run', name: 'tell', run: { agent: { model: 'script/echo' } } },
        { type: 'run', name: 'flow', run: { flow: 'flow_1' } },
      ],
    };
    expect(faults(fields)).toEqual([]);
    expect(createAgentBodySchema.parse({ ...fields, name: 'all' })).toEqual({ ...fields, name: 'all' });
  });

  it.each([
    [{ settings: { temperature: 2.1 } }, 'body.settings.temperature'],
    [{ settings: { topP: 1.1 } }, 'body.settings.topP'],
    [{ settings: { topK: 0 } }, 'body.settings.topK'],
    [{ settings: { topK: 501 } }, 'body.settings.topK'],
    [{ settings: { frequencyPenalty: -2.1 } }, 'body.settings.frequencyPenalty'],
    [{ settings: { seed: 0.5 } }, 'body.settings.seed'],
    [{ settings: { maxOutputTokens: 0 } }, 'body.settings.maxOutputTokens'],
    [{ settings: { reasoning: 'high' } }, 'body.settings.reasoning'],
    [{ settings: { reasoning: { budgetTokens: 999 } } }, 'body.settings.reasoning.budgetTokens'],
    [{ settings: { reasoning: { effort: 'none' } } }, 'body.settings.reasoning.effort'],
    [{ settings: { temprature: 1 } }, 'body.settings.temprature'],
    [{ toolChoice: 'any' }, 'body.toolChoice'],
    [{ parallelToolCalls: 'no' }, 'body.parallelToolCalls'],
    [{ fallbacks: [{ type: 'flow' }] }, 'body.fallbacks[0].type'],
    [{ fallbacks: [{ type: 'model' }] }, 'body.fallbacks[0].model'],
    [{ fallbacks: [{ type: 'output' }] }, 'body.fallbacks[0].output'],
    [{ fallbacks: [{ type: 'retry', delayMs: 60_001 }] }, 'body.fallbacks[0].delayMs'],
    [{ fallbacks: [{ type: 'retry', model: 'gpt-5' }] }, 'body.fallbacks[0].model'],
    [
      {
        output: { type: 'object', required: ['id'] },
        fallbacks: [{ type: 'retry' }, { type: 'output', output: '{}' }],
      },
      'body.fallbacks[1].output',
    ],
    [tool({ maxCalls: 0 }), 'body.tools[0].maxCalls'],
    [tool({ mustCall: 'yes' }), 'body.tools[0].mustCall'],
    [tool({ run: { agent: 'agent_1' } }), 'body.tools[0].run'],
    [tool({ type: 'run' }), 'body.tools[0].run'],
    [tool({ type: 'run', run: {} }), 'body.tools[0].run'],
    [tool({ type: 'run', run: { agent: 'agent_1', flow: 'flow_1' } }), 'body.tools[0].run'],
    [tool({ type: 'run', run: { agent: { modle: 'x' } } }), 'body.tools[0].run.agent.modle'],
    [tool({ type: 'run', run: { flow: { steps: [] } } }), 'body.tools[0].run.flow.steps'],
    [
      tool({ type: 'run', run: { agent: tool({ inputSchema: { type: 'thing' } }) } }),
      'body.tools[0].run.agent.tools[0].inputSchema',
    ],
  ])('is refused with the place of the fault: %j', (body, path) => {
    expect(faults(body)).toEqual([path]);
  });
});
