import { faultsOfSteps } from '../agent/flow/check-steps.ts';
import type { Config } from '../config/config.ts';
import { loadDefaultAgents } from '../config/default-agent.ts';
import { loadDefaultFlows } from '../config/default-flow.ts';
import type { Engine } from '../engine/facade.ts';
import { createAgents } from '../store/agents.ts';
import { createFlows } from '../store/flows.ts';
import type { Pool } from '../store/pool.ts';

/**
 * What runs carry out: saved agents and flows, and those of requests that name none.
 * @throws ConfigError for a default that cannot be read, or a flow whose steps cannot work
 */
export async function wireDefinitions(pool: Pool, config: Config): Promise<Pick<Engine, 'agents' | 'flows'>> {
  return {
    agents: createAgents(pool, {
      builtIn: { id: null, version: null, name: 'agent', model: config.models.default },
      of: await loadDefaultAgents(config),
    }),
    flows: createFlows(pool, {
      faults: faultsOfSteps,
      defaultOf: await loadDefaultFlows(config, faultsOfSteps),
    }),
  };
}
