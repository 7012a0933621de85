import type { Json, Run } from '@fermata/protocol';
import type { ApiClient, Body } from './api-client.ts';

/** A step with a name, and what a test gives of it. */
export function step(type: string, id: string, rest: Body = {}): Body {
  return { type, id, name: `Step ${id}`, ...rest };
}

/** An agent that answers with these texts, turn by turn. */
export function says(...texts: string[]): Body {
  return { model: 'script/flow', script: texts.map((text) => ({ text })) };
}

export function startFlow(api: ApiClient, steps: Body[], more: Body = {}): Promise<Run> {
  return api.start({ flow: { name: 'Test flow', steps }, input: 'Hello', ...more });
}

/** How the steps of a run have ended: their outputs, or what became of them. */
export async function stepEnds(api: ApiClient, runId: string): Promise<[string, Json | null][]> {
  return (await api.events(runId)).flatMap((event): [string, Json | null][] => {
    if (event.type === 'step.completed') return [[event.data.stepId, event.data.output]];
    if (event.type === 'step.skipped') return [[event.data.stepId, 'skipped']];
    if (event.type === 'step.failed') return [[event.data.stepId, event.data.error.code]];
    return [];
  });
}
