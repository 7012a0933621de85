import { canonicalJson, isJsonObject, type FlowFields, type Json, type JsonObject } from '@fermata/protocol';
import type { z } from 'zod';
import type { Caller } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import type { SavedFlow } from '../../engine/facade-flows.ts';
import { decodeFlow } from './decode-flow.ts';
import type { FlowDecoding } from './decode-step.ts';
import { assertFits } from './decode-messages.ts';
import { invalidMember, RuntypeError } from './errors.ts';
import { notSupported } from './not-supported.ts';
import { readMember } from './validation.ts';
import { wireFlowSchema, type WireStep } from './wire-flow.ts';
import type { FlowBody, FlowPatch, flowReplySchema, flowsReplySchema } from './wire-resources.ts';

/** Where a flow's metadata keep what was sent, so that it is read as it was written. */
const KEPT = 'runtype';
const MAX_KEPT_BYTES = 64 * 1024;

export type NamedFlowFields = FlowFields & { name: string };

/** A saved flow from what was sent. Throws what a dispatch of it would be refused with. */
export function decodeSavedFlow(body: FlowBody): NamedFlowFields {
  const { name, flowSteps, steps = flowSteps, ...rest } = body;
  if (steps === undefined) throw invalidMember('steps', 'Required', 'MISSING_REQUIRED_FIELD');
  const named = steps.map(withId);
  const kept = { ...rest, steps: named } as unknown as JsonObject;
  assertFits(kept, 'body', MAX_KEPT_BYTES);
  return { ...fieldsOf(name, rest.description, named), metadata: { [KEPT]: kept } };
}

function fieldsOf(
  name: string,
  description: string | null | undefined,
  steps: readonly WireStep[],
): NamedFlowFields {
  const decoding: FlowDecoding = { secrets: {}, tools: [], clientTools: {}, info: {} };
  const wire = readMember(wireFlowSchema, { name, description: description ?? undefined, steps }, '');
  const fields = decodeFlow(wire, decoding, '');
  if (Object.keys(decoding.secrets).length > 0) {
    throw notSupported(
      'steps',
      'credentials are not kept with a saved flow',
      '{{secrets.<name>}} in their place, with the secrets of each dispatch',
    );
  }
  return { ...fields, name };
}

/** A step that is shown has an id. */
function withId<S extends WireStep>(step: S, index: number): S {
  return step.id === undefined ? { ...step, id: `step-${index + 1}` } : step;
}

/** Throws 400 for steps that cannot work: expressions and templates that do not parse, ids that are used twice. */
export async function assertWorks(
  { flows }: Engine,
  { steps }: Pick<Partial<FlowFields>, 'steps'>,
): Promise<void> {
  if (steps === undefined) return;
  const faults = await flows.faults(steps);
  const [first] = faults;
  if (first === undefined) return;
  const details = faults.map(({ path, message }) => ({
    path: ['steps', ...path].join('.'),
    message,
    code: 'INVALID_VALUE',
  }));
  throw new RuntypeError('invalid_request', `${['steps', ...first.path].join('.')}: ${first.message}`, {
    details,
  });
}

type SentFlow = FlowBody & { steps: WireStep[] };

/** What was sent with a flow, as long as its steps are what came of it; null for what another API has made of it. */
function keptFlow({ name, description, metadata, steps }: SavedFlow): SentFlow | null {
  const kept = metadata?.[KEPT];
  if (!isJsonObject(kept) || !Array.isArray(kept['steps'])) return null;
  const body = { ...kept, name, ...(description ? { description } : {}) } as unknown as SentFlow;
  const sent = fieldsOf(name, body.description, body.steps);
  return canonicalJson(sent.steps as unknown as Json) === canonicalJson(steps as unknown as Json)
    ? body
    : null;
}

/**
 * A flow as this wire tells it. One that was made or changed through another API is told by the ids, names and types of
 * its steps: this wire has no words for all that they may do.
 */
function sentFlow(flow: SavedFlow): SentFlow {
  const kept = keptFlow(flow);
  if (kept !== null) return kept;
  const steps = flow.steps.map((step): WireStep => {
    const own = step.metadata?.[KEPT];
    const type = isJsonObject(own) && typeof own['type'] === 'string' ? own['type'] : step.type;
    return { id: step.id, name: step.name, type, enabled: step.enabled ?? true, config: {} };
  });
  return {
    name: flow.name,
    ...(flow.description === undefined ? {} : { description: flow.description }),
    steps,
  };
}

/** The patch of an update. Steps that this wire cannot tell stay as they are, unless others are sent. */
export function flowUpdate(
  flow: SavedFlow,
  { flowSteps, steps = flowSteps, ...patch }: FlowPatch,
): Partial<FlowFields> {
  const kept = keptFlow(flow);
  const { name = flow.name, description } = patch;
  if (kept === null && steps === undefined) {
    return { name, ...(description === undefined ? {} : { description: description ?? '' }) };
  }
  const given = Object.entries(patch).filter(([, value]) => value !== undefined);
  const merged = { ...kept, name, ...Object.fromEntries(given), ...(steps === undefined ? {} : { steps }) };
  return { description: '', ...decodeSavedFlow(merged as FlowBody) };
}

/** Source: the vendor's OpenAPI document, `/v1/flows/{id}`. */
export function flowReply(caller: Caller, flow: SavedFlow): z.output<typeof flowReplySchema> {
  const { name: _name, steps, ...sent } = sentFlow(flow);
  const shown = steps.map((step, index) => ({ ...step, order: step.order ?? index }));
  return {
    ...sent,
    id: flow.id,
    userId: caller.principalId,
    organizationId: String(caller.organizationId),
    name: flow.name,
    description: sent.description ?? null,
    flowSteps: shown,
    steps,
    stepCount: steps.length,
    lastRunAt: null,
    createdAt: flow.createdAt,
    updatedAt: flow.updatedAt,
  };
}

export function flowRow(flow: SavedFlow): z.output<typeof flowsReplySchema>['data'][number] {
  const { id, name, description, steps, createdAt, updatedAt } = flow;
  return {
    id,
    name,
    description: description ?? null,
    stepCount: steps.length,
    lastRunAt: null,
    createdAt,
    updatedAt,
  };
}
