import { flowFieldsSchema, type FlowFields, type FlowStep, type RunOrigin } from '@fermata/protocol';
import { ConfigError, type Config } from './config.ts';
import { loadDefinition } from './default-definition.ts';

/** The flow of requests that name neither agent nor flow: of a file, a saved one, or null for an agent. */
export type DefaultFlow = { flow: FlowFields } | { flowId: string } | null;

/** What of a flow's steps cannot work. */
type Check = (steps: readonly FlowStep[]) => Promise<readonly { path: PropertyKey[]; message: string }[]>;

/**
 * Reads `FERMATA_DEFAULT_FLOW` and `FERMATA_RUNTYPE_DEFAULT_FLOW`.
 * @throws ConfigError when a file cannot be read, is no flow, or has steps that cannot work
 */
export async function loadDefaultFlows(
  { flows }: Pick<Config, 'flows'>,
  faultsOf: Check,
): Promise<(face: RunOrigin) => DefaultFlow> {
  const loadOne = (variable: string, value: string | null): Promise<DefaultFlow> =>
    value === null ? Promise.resolve(null) : load(variable, value, faultsOf);
  const general = await loadOne('FERMATA_DEFAULT_FLOW', flows.default);
  const byFace = new Map<RunOrigin, DefaultFlow>();
  for (const [face, value] of Object.entries(flows.byFace)) {
    const name = `FERMATA_${face.toUpperCase()}_DEFAULT_FLOW`;
    byFace.set(face as RunOrigin, value === flows.default ? general : await loadOne(name, value));
  }
  return (face) => (byFace.has(face) ? (byFace.get(face) ?? null) : general);
}

async function load(variable: string, value: string, faultsOf: Check): Promise<DefaultFlow> {
  const loaded = await loadDefinition(variable, value, 'flow', flowFieldsSchema);
  if ('id' in loaded) return { flowId: loaded.id };
  const faults = await faultsOf(loaded.fields.steps);
  if (faults.length > 0) {
    throw new ConfigError(
      faults.map(({ path, message }) => `${variable}: ${['steps', ...path].join('.')}: ${message}`),
    );
  }
  return { flow: loaded.fields };
}
