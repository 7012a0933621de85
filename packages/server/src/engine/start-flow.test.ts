import type { FlowStep, RunAgent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Caller } from './caller.ts';
import { EngineError } from './errors.ts';
import type { NamedFlow } from './facade-flows.ts';
import { limitsOf, modelsOf, namedFlow, resolveFlow, type StartFlowPorts } from './start-flow.ts';

const caller: Caller = {
  organizationId: 1,
  principalId: 'p1',
  keyId: 'k1',
  role: 'developer',
  actor: { type: 'principal', id: 'p1', name: 'Ada' },
  via: 'native',
};
const DEFAULT: RunAgent = { id: null, version: null, name: 'agent', model: 'script/echo' };

function ports(defaultFlow: NamedFlow | null = null): StartFlowPorts & { looked: string[] } {
  const looked: string[] = [];
  return {
    looked,
    agents: {
      defaultAgent: async () => DEFAULT,
      get: async (_caller, agentId) => {
        looked.push(agentId);
        if (agentId !== 'agent_1') throw new EngineError('not_found', 'There is no such agent');
        return { id: agentId, name: 'Clerk', version: 4, createdAt: '', updatedAt: '', instructions: 'i' };
      },
    },
    flows: {
      get: () => Promise.reject(new EngineError('not_found', 'There is no such flow')),
      faults: async (steps) => (steps[0]?.id === 'bad' ? [{ path: [0, 'when'], message: 'is bad' }] : []),
      defaultFlow: async () => defaultFlow,
    },
  };
}

type AgentStep = Extract<FlowStep, { type: 'agent' }>;

function agentStep(id: string, agent?: AgentStep['agent']): AgentStep {
  return { id, name: id, type: 'agent', agent };
}

describe('resolving a flow', () => {
  it('pins the agent of every step, and looks each saved one up once', async () => {
    const asked = ports();
    const steps = [
      agentStep('a', 'agent_1'),
      agentStep('b', { name: 'Own', model: 'x/y' }),
      agentStep('c'),
      agentStep('d', 'agent_1'),
    ];
    const { flow, agents } = await resolveFlow(asked, caller, { flow: { steps } }, {});
    expect(flow).toMatchObject({ id: null, version: null, name: 'flow' });
    expect(agents.map(({ name, model, version }) => [name, model, version])).toEqual([
      ['Clerk', 'script/echo', 4],
      ['Own', 'x/y', null],
      ['agent', 'script/echo', null],
      ['Clerk', 'script/echo', 4],
    ]);
    expect(asked.looked).toEqual(['agent_1']);
  });

  it('gives a script to the agents that have none', async () => {
    const script = [{ text: 'x' }];
    const steps = [
      agentStep('a', { model: 'openai/gpt' }),
      agentStep('b', { model: 'script/own', script: [] }),
    ];
    const { agents } = await resolveFlow(ports(), caller, { flow: { steps } }, { script });
    expect(agents.map((agent) => [agent.model, agent.script])).toEqual([
      ['script/inline', script],
      ['script/own', []],
    ]);
  });

  it('refuses what cannot work before anything is looked up', async () => {
    const asked = ports();
    const bad = { flow: { steps: [agentStep('bad', 'agent_1')] } };
    await expect(resolveFlow(asked, caller, bad, {})).rejects.toMatchObject({
      code: 'invalid_request',
      details: { errors: [{ path: 'flow.steps.0.when', message: 'is bad' }] },
    });
    const fine = { flow: { steps: [agentStep('a')] } };
    for (const request of [{ mode: 'external' as const }, { tools: [] }]) {
      await expect(resolveFlow(asked, caller, fine, request)).rejects.toMatchObject({
        code: 'invalid_request',
      });
    }
    expect(asked.looked).toEqual([]);
    const missing = { flow: { steps: [agentStep('a', 'agent_2')] } };
    await expect(resolveFlow(asked, caller, missing, {})).rejects.toMatchObject({ code: 'not_found' });
    const huge = { flow: { steps: [agentStep('a', { instructions: 'x'.repeat(300_000) })] } };
    await expect(resolveFlow(asked, caller, huge, {})).rejects.toMatchObject({ code: 'payload_too_large' });
  });

  it('takes the default flow for requests that name nothing', async () => {
    const chosen: NamedFlow = { flowId: 'flow_1' };
    const asked = ports(chosen);
    expect(await namedFlow(asked, caller, {})).toBe(chosen);
    for (const request of [
      { agentId: 'a' },
      { agent: {} },
      { tools: [] },
      { mode: 'external' as const },
      { missionId: 'm' },
    ]) {
      expect(await namedFlow(asked, caller, request)).toBeNull();
    }
    expect(await namedFlow(asked, caller, { flowId: 'flow_2' })).toEqual({ flowId: 'flow_2' });
    expect(await namedFlow(ports(), caller, {})).toBeNull();
  });
});

describe('what a flow says of its run', () => {
  it('adds up its agents’ limits, where all have one, and keeps the earliest deadline', () => {
    const one = { ...DEFAULT, limits: { maxTurns: 2, maxTokens: 5, deadlineAt: '2030-01-01T00:00:00Z' } };
    const other = { ...DEFAULT, limits: { maxTurns: 3, deadlineAt: '2029-01-01T00:00:00+01:00' } };
    expect(limitsOf([one, other])).toEqual({ maxTurns: 5, deadlineAt: '2029-01-01T00:00:00+01:00' });
    expect(limitsOf([])).toEqual({});
  });

  it('names the models of fallbacks too', async () => {
    const onError = { then: 'fail' as const, fallbacks: [{ type: 'model' as const, model: 'a/b' }] };
    const steps = [{ ...agentStep('a'), onError }];
    expect(modelsOf(await resolveFlow(ports(), caller, { flow: { steps } }, {}))).toEqual([
      'script/echo',
      'a/b',
    ]);
  });
});
