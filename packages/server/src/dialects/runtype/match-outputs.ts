import type { Json, JsonObject, WaitKind } from '@fermata/protocol';
import { clientToolOf, type ClientTools } from './face-data.ts';

/** A wait that an output may be for. */
export interface Candidate {
  waitId: string;
  runId: string;
  kind: WaitKind;
  callId: string | null;
  tool: string | null;
  isOpen: boolean;
}

export interface Matched {
  candidate: Candidate;
  output: Json;
}

const PAGE_TOOL = 'webmcp:';

/**
 * Which wait each output is for: by call id, else by `webmcp:<name>`, else by the tool's name, else by the id of the
 * wait (`toolId`). Of several calls of one tool a name means the first that is open and that no other key has taken.
 * A key that names nothing is dropped. Source: wire section 6.2.
 */
export function matchOutputs(
  outputs: JsonObject,
  candidates: readonly Candidate[],
  clientTools: ClientTools,
): Matched[] {
  const taken = new Set<Candidate>();
  const matched: Matched[] = [];
  const take = (key: string, fits: (candidate: Candidate) => boolean): boolean => {
    const free = candidates.filter((one) => fits(one) && !taken.has(one));
    const candidate = free.find((one) => one.isOpen) ?? free[0];
    if (candidate === undefined) return false;
    taken.add(candidate);
    matched.push({ candidate, output: outputs[key] ?? null });
    return true;
  };
  const keys = Object.keys(outputs);
  const named = keys.filter((key) => !take(key, ({ callId }) => callId === key));
  for (const key of named) {
    const name = key.startsWith(PAGE_TOOL) ? key.slice(PAGE_TOOL.length) : key;
    const isTool = ({ tool }: Candidate): boolean =>
      tool !== null && (tool === name || clientToolOf(clientTools, tool)?.name === name);
    if (!take(key, isTool)) take(key, ({ waitId }) => waitId === key);
  }
  return matched;
}
