import { flowFieldsSchema, type FlowFields, type RunOrigin } from '@fermata/protocol';
import type { Config } from './config.ts';
import { loadDefinition } from './default-definition.ts';

/** The flow of requests that name neither agent nor flow: of a file, a saved one, or null for an agent. */
export type DefaultFlow = { flow: FlowFields } | { flowId: string } | null;

/**
 * Reads `FERMATA_DEFAULT_FLOW` and `FERMATA_RUNTYPE_DEFAULT_FLOW`.
 * @throws ConfigError when a file cannot be read or is no flow
 */
export async function loadDefaultFlows({ flows }: Config): Promise<(face: RunOrigin) => DefaultFlow> {
  const general = await loadOne('FERMATA_DEFAULT_FLOW', flows.default);
  const byFace = new Map<RunOrigin, DefaultFlow>();
  for (const [face, value] of Object.entries(flows.byFace)) {
    const name = `FERMATA_${face.toUpperCase()}_DEFAULT_FLOW`;
    byFace.set(face as RunOrigin, value === flows.default ? general : await loadOne(name, value));
  }
  return (face) => (byFace.has(face) ? (byFace.get(face) ?? null) : general);
}

async function loadOne(variable: string, value: string | null): Promise<DefaultFlow> {
  if (value === null) return null;
  const loaded = await loadDefinition(variable, value, 'flow', flowFieldsSchema);
  return 'id' in loaded ? { flowId: loaded.id } : { flow: loaded.fields };
}
