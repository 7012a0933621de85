import type { Json, JsonObject, Run } from '@fermata/protocol';
import type { ApiClient } from './api-client.ts';
import { eventually } from './eventually.ts';

export const DELEGATE = { type: 'builtin', name: 'delegate' } as const;
export const ASK = { type: 'builtin', name: 'ask_user' } as const;
/** A turn that asks a person. */
export const QUESTION = { toolCalls: [{ tool: 'ask_user', args: { question: 'Which?' } }] };

export interface ChildAgent {
  input?: string;
  model?: string;
  script?: JsonObject[];
  tools?: Json[];
}

/** A turn that delegates to these agents, side by side. */
export function delegating(...agents: ChildAgent[]): { toolCalls: { tool: string; args: JsonObject }[] } {
  return {
    toolCalls: agents.map(({ input = 'Do it.', ...agent }) => ({
      tool: 'delegate',
      args: {
        input,
        title: input,
        agent: agent.script === undefined ? agent : { model: 'script/child', ...agent },
      },
    })),
  };
}

/** The child runs of a run, the oldest first, once there are `count`. */
export async function childrenOf(api: Pick<ApiClient, 'call'>, runId: string, count = 1): Promise<Run[]> {
  return eventually(
    async () => {
      const { data } = await api.call<{ data: Run[] }>('GET', `/v1/runs?parent=${runId}&limit=100`);
      return data.length >= count ? data.toReversed() : null;
    },
    { what: `run ${runId} has ${count} children` },
  );
}

/** Until the run is in this status. */
export async function comesTo(
  api: Pick<ApiClient, 'run'>,
  runId: string,
  status: Run['status'],
): Promise<Run> {
  return eventually(
    async () => {
      const run = await api.run(runId);
      return run.status === status ? run : null;
    },
    { what: `run ${runId} is ${status}` },
  );
}
