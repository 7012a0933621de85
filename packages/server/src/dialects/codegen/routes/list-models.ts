import { codegenOperation, STANDARD } from '../operation.ts';
import { modelsSchema, organizationParams } from '../wire.ts';

/** Saved agents whose models are listed. */
const MOST_AGENTS = 1000;

export const listModels = codegenOperation({
  operationId: 'get_available_models',
  method: 'GET',
  path: '/v1/organizations/{org_id}/models',
  tag: 'Organizations and users',
  role: 'viewer',
  summary: 'List the models',
  description: 'Those of the default agent and of saved agents; others work as well, by `provider/name`.',
  params: organizationParams,
  reply: modelsSchema,
  rate: STANDARD,
  async handle({ engine, caller }) {
    const [{ model }, saved] = await Promise.all([
      engine.agents.defaultAgent(caller),
      engine.agents.list(caller, { limit: MOST_AGENTS }),
    ]);
    const models = new Set([model, ...saved.data.flatMap((agent) => agent.model ?? [])]);
    return { status: 200, body: { providers: byProvider([...models]), default_model: model } };
  },
});

function byProvider(models: readonly string[]): {
  name: string;
  models: { label: string; value: string }[];
}[] {
  const providers = new Map<string, { label: string; value: string }[]>();
  for (const value of models) {
    const slash = value.indexOf('/');
    const [name, label] = slash === -1 ? ['other', value] : [value.slice(0, slash), value.slice(slash + 1)];
    providers.set(name, [...(providers.get(name) ?? []), { label, value }]);
  }
  return [...providers].map(([name, listed]) => ({ name, models: listed }));
}
