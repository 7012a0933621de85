import {
  BUILTIN_TOOLS,
  MAX_FLOW_DEPTH,
  MAX_FLOW_STEPS,
  placedSteps,
  type FlowStep,
  type HttpTool,
  type Json,
  type Tool,
} from '@fermata/protocol';
import { syntaxFaults, type SourceText } from './sandbox.ts';
import { templateFault } from './template.ts';

/** What is wrong with a step; the path is below the list of steps. */
export interface StepFault {
  path: (string | number)[];
  message: string;
}

type Path = StepFault['path'];
const MAX_FAULTS = 20;

/** What of a list of steps cannot work whatever its variables are. The first 20 faults; never rejects. */
export async function faultsOfSteps(steps: readonly FlowStep[]): Promise<StepFault[]> {
  const placed = [...placedSteps(steps)];
  const faults: StepFault[] = [];
  const sources: (SourceText & { path: Path })[] = [];
  if (placed.length > MAX_FLOW_STEPS)
    return [{ path: [], message: `a flow has at most ${MAX_FLOW_STEPS} steps, with those in conditions` }];
  const ids = new Set<string>();
  for (const { step, path, depth } of placed) {
    if (step.type === 'condition' && depth >= MAX_FLOW_DEPTH)
      return [{ path, message: `conditions are nested at most ${MAX_FLOW_DEPTH} deep` }];
    if (ids.has(step.id))
      faults.push({ path: [...path, 'id'], message: `another step is called ${JSON.stringify(step.id)}` });
    ids.add(step.id);
    for (const part of partsOf(step)) {
      const place = [...path, ...part.path];
      if (part.kind === 'fault') faults.push({ path: place, message: part.message });
      else if (part.kind === 'template')
        faults.push(...templateFaults(part.value, place, part.isRequest ? 'allowed' : 'refused'));
      else sources.push({ kind: part.kind, text: part.text, path: place });
    }
  }
  const messages = await syntaxFaults(sources);
  for (const [index, { path }] of sources.entries()) {
    const message = messages[index] ?? null;
    if (message !== null) faults.push({ path, message });
  }
  return faults.slice(0, MAX_FAULTS);
}

/** What of a step must parse, or a fault that was found at once. */
type StepPart = { path: Path } & (
  | { kind: 'expression' | 'script'; text: string }
  | { kind: 'template'; value: Json; isRequest: boolean }
  | { kind: 'fault'; message: string }
);

function* partsOf(step: FlowStep): Generator<StepPart, void, void> {
  if (step.when !== undefined) yield { kind: 'expression', path: ['when'], text: step.when };
  for (const [index, fallback] of (step.onError?.fallbacks ?? []).entries()) {
    const path = ['onError', 'fallbacks', index, 'output'];
    if (fallback.type === 'output') yield* template(path, fallback.output);
  }
  switch (step.type) {
    case 'agent':
      yield* template(['prompt'], step.prompt);
      yield* template(['messages'], step.messages);
      if (typeof step.agent === 'object') yield* template(['agent', 'instructions'], step.agent.instructions);
      return;
    case 'tool':
      yield* template(['args'], step.args);
      yield* toolParts(step.tool, step.mcpServers?.[0]?.name);
      return;
    case 'http':
      yield* requestParts(['request'], step.request);
      return;
    case 'transform':
      yield { kind: 'script', path: ['script'], text: step.script };
      return;
    case 'set':
      yield* template(['value'], step.value);
      return;
    case 'wait':
      if (typeof step.delayMs === 'string') yield* template(['delayMs'], step.delayMs);
      yield* template(['until'], step.until);
      if (step.poll === undefined) return;
      yield { kind: 'expression', path: ['poll', 'success'], text: step.poll.success };
      yield* requestParts(['poll', 'request'], step.poll.request);
      return;
    case 'send':
      yield* template(['text'], step.text);
      return;
    case 'condition':
      yield { kind: 'expression', path: ['condition'], text: step.condition };
      return;
    default:
      step satisfies never;
  }
}

function* template(path: Path, value: Json | undefined): Generator<StepPart, void, void> {
  if (value !== undefined) yield { kind: 'template', path, value, isRequest: false };
}

function* requestParts(path: Path, http: HttpTool): Generator<StepPart, void, void> {
  for (const name of ['url', 'headers', 'query', 'body'] as const) {
    const value = http[name];
    if (value !== undefined) yield { kind: 'template', path: [...path, name], value, isRequest: true };
  }
}

function* toolParts(tool: Tool, serverName: string | undefined): Generator<StepPart, void, void> {
  const fault = (path: Path, message: string): StepPart => ({ kind: 'fault', path, message });
  if (tool.type === 'http' && tool.http === undefined)
    yield fault(['tool', 'http'], 'an http tool needs its request');
  if (tool.type === 'mcp' && (serverName === undefined || tool.server !== serverName))
    yield fault(['tool', 'server'], 'an mcp tool needs its server in mcpServers');
  if (tool.type === 'builtin' && !(BUILTIN_TOOLS as readonly string[]).includes(tool.name))
    yield fault(['tool', 'name'], `there is no built-in tool ${tool.name}`);
}

function templateFaults(value: Json, path: Path, secrets: 'allowed' | 'refused'): StepFault[] {
  if (typeof value === 'string') {
    const message = templateFault(value, secrets);
    return message === null ? [] : [{ path, message }];
  }
  if (typeof value !== 'object' || value === null) return [];
  const members: [string | number, Json][] = Array.isArray(value)
    ? [...value.entries()]
    : Object.entries(value);
  return members.flatMap(([key, member]) => templateFaults(member, [...path, key], secrets));
}
