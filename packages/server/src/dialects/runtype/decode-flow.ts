import {
  flowFieldsSchema,
  isJsonObject,
  MAX_FLOW_DEPTH,
  type FlowErrorHandling,
  type FlowFallback,
  type FlowFields,
  type FlowStep,
  type Json,
  type JsonObject,
} from '@fermata/protocol';
import type { ErrorDetail } from './wire.ts';
import { decodeFallback } from './decode-fallback.ts';
import { decodeStep, type FlowDecoding, type StepBase } from './decode-step.ts';
import { invalidMember, RuntypeError } from './errors.ts';
import { readMember } from './validation.ts';
import { errorHandlingSchema, type ErrorHandling } from './wire-agent.ts';
import {
  SUPPORTED_STEPS,
  wireFlowSchema,
  wireStepSchema,
  type SupportedStep,
  type WireFlow,
  type WireStep,
} from './wire-flow.ts';

const SUPPORTED: ReadonlySet<string> = new Set(SUPPORTED_STEPS);

/**
 * An inline flow of this wire as one of ours. Throws 422 without steps and with every step that nothing here could
 * carry out, and 400 for what is not right, before anything has run.
 */
export function decodeFlow(wire: WireFlow, decoding: FlowDecoding, path = 'flow'): FlowFields {
  const steps = wire.steps ?? [];
  const place = path === '' ? 'steps' : `${path}.steps`;
  const unsupported = unsupportedSteps(steps, place, 0);
  if (unsupported.length > 0) {
    const types = [...new Set(unsupported.map(({ type }) => type))].join(', ');
    const supported = `Supported: ${SUPPORTED_STEPS.join(', ')}`;
    throw new RuntypeError('not_supported', `Steps of type ${types} are not supported. ${supported}`, {
      details: unsupported.map(({ detail }) => ({ ...detail, suggestion: supported })),
    });
  }
  if (steps.length === 0) {
    const details = [{ path: place, message: 'Required', code: 'MISSING_REQUIRED_FIELD' }];
    throw new RuntypeError('invalid_request', `${place}: Required`, { status: 422, details });
  }
  const count = { steps: 0, taken: new Set(givenIds(steps, place)) };
  const flow = {
    ...(wire.name === undefined ? {} : { name: wire.name }),
    ...(wire.description === undefined ? {} : { description: wire.description }),
    steps: decodeSteps(steps, decoding, place, count),
  };
  return readMember(flowFieldsSchema, flow, path);
}

interface Unsupported {
  type: string;
  detail: ErrorDetail;
}

function unsupportedSteps(steps: readonly WireStep[], path: string, depth: number): Unsupported[] {
  if (depth > MAX_FLOW_DEPTH)
    throw invalidMember(path, `conditions are nested at most ${MAX_FLOW_DEPTH} deep`);
  return steps.flatMap(({ type, config }, index): Unsupported[] => {
    const place = `${path}[${index}]`;
    if (!SUPPORTED.has(type)) {
      const message = `Steps of type ${type} are not supported`;
      return [{ type, detail: { path: `${place}.type`, message, code: 'not_supported' } }];
    }
    if (type !== 'conditional') return [];
    return BRANCHES.flatMap((branch) => {
      const inner = readBranch(config, branch, place);
      return unsupportedSteps(inner, `${place}.config.${branch}`, depth + 1);
    });
  });
}

const BRANCHES = ['trueSteps', 'falseSteps'] as const;

function readBranch(config: WireStep['config'], branch: (typeof BRANCHES)[number], path: string): WireStep[] {
  const given = config[branch];
  if (given === undefined || given === null) return [];
  if (!Array.isArray(given)) throw invalidMember(`${path}.config.${branch}`, 'expected a list of steps');
  return given.map((step, index) => readMember(wireStepSchema, step, `${path}.config.${branch}[${index}]`));
}

/** Ids that the flow's own steps have, which no step without one may get. */
function givenIds(steps: readonly WireStep[], path: string): string[] {
  return steps.flatMap(({ id, type, config }, index): string[] => {
    const own = id === undefined ? [] : [id];
    if (type !== 'conditional') return own;
    const place = `${path}[${index}]`;
    const inner = BRANCHES.flatMap((branch) =>
      givenIds(readBranch(config, branch, place), `${place}.config.${branch}`),
    );
    return [...own, ...inner];
  });
}

interface StepCount {
  /** Steps so far, and ids that were passed over: what is made from it is never made twice. */
  steps: number;
  taken: ReadonlySet<string>;
}

function idOf({ id }: WireStep, count: StepCount): string {
  count.steps += 1;
  if (id !== undefined) return id;
  while (count.taken.has(`step_${count.steps}`)) count.steps += 1;
  return `step_${count.steps}`;
}

function decodeSteps(
  steps: readonly WireStep[],
  decoding: FlowDecoding,
  path: string,
  count: StepCount,
): FlowStep[] {
  const placedSteps = steps.map((step, index) => ({ step, index }));
  const ordered = placedSteps.toSorted((a, b) => (a.step.order ?? a.index) - (b.step.order ?? b.index));
  return ordered.map(({ step, index }) => {
    const place = `${path}[${index}]`;
    const base = baseOf(step, idOf(step, count), decoding, place);
    if (step.type !== 'conditional') {
      return decodeStep(step.type as Exclude<SupportedStep, 'conditional'>, base, step, decoding, place);
    }
    const { condition } = step.config;
    if (typeof condition !== 'string' || condition === '') {
      throw invalidMember(`${place}.config.condition`, 'Required', 'MISSING_REQUIRED_FIELD');
    }
    const branch = (name: (typeof BRANCHES)[number]): FlowStep[] =>
      decodeSteps(readBranch(step.config, name, place), decoding, `${place}.config.${name}`, count);
    return { ...base, type: 'condition', condition, then: branch('trueSteps'), else: branch('falseSteps') };
  });
}

function baseOf(step: WireStep, id: string, decoding: FlowDecoding, path: string): StepBase {
  const { outputVariable } = step.config;
  const given = step.config['errorHandling'];
  const errorHandling =
    given === undefined || given === null
      ? undefined
      : readMember(errorHandlingSchema, given, `${path}.config.errorHandling`);
  return {
    id,
    name: step.name ?? step.type,
    ...(step.enabled === undefined ? {} : { enabled: step.enabled }),
    ...(step.when === undefined || step.when === '' ? {} : { when: step.when }),
    ...(typeof outputVariable === 'string' && outputVariable !== '' ? { output: outputVariable } : {}),
    ...(errorHandling === undefined ? {} : { onError: errorHandlingOf(errorHandling, decoding, path) }),
    // What the wire calls the step, for the stream.
    metadata: { runtype: { type: step.type } },
  };
}

/** Source: wire section 7.4. A failed step stops the flow unless this says otherwise (section 12). */
function errorHandlingOf(wire: ErrorHandling, decoding: FlowDecoding, path: string): FlowErrorHandling {
  const fallbacks = (wire.fallbacks ?? []).map((fallback, index): FlowFallback => {
    const place = `${path}.config.errorHandling.fallbacks[${index}]`;
    const decoded = decodeFallback(fallback, place);
    if (decoded !== null) return decoded;
    const { flow, flowId, delay } = fallback;
    const instead = fallbackFlow(flow ?? flowId, decoding, `${place}.flow`);
    return { type: 'flow', flow: instead, ...(delay === undefined ? {} : { delayMs: delay }) };
  });
  const on = (wire.triggers ?? []).map(({ type }) =>
    type === 'error' ? ('error' as const) : ('empty_output' as const),
  );
  return {
    then: wire.onError === 'continue' ? 'continue' : 'fail',
    ...(fallbacks.length === 0 ? {} : { fallbacks }),
    ...(on.length === 0 ? {} : { on }),
  };
}

/** A flow in place of a step: saved, or inline as in a dispatch. */
function fallbackFlow(given: Json | undefined, decoding: FlowDecoding, path: string): string | JsonObject {
  const saved = isJsonObject(given ?? null) ? (given as JsonObject)['id'] : given;
  if (typeof saved === 'string' && saved !== '') return saved;
  if (!isJsonObject(given ?? null)) throw invalidMember(path, 'Required', 'MISSING_REQUIRED_FIELD');
  // A flow has nothing but JSON in it.
  return decodeFlow(readMember(wireFlowSchema, given, path), decoding, path) as unknown as JsonObject;
}
