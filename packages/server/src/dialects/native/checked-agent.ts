import {
  answerBodySchema,
  flowFieldsSchema,
  placedSteps,
  type AgentFields,
  type DeadlineStep,
  type FlowStep,
  type Tool,
} from '@fermata/protocol';
import { kindOfAnswer } from '../../engine/deciders/answers.ts';
import { invalidRequest } from '../../http/problem.ts';
import { faultsOf, joinPath, type Fault } from '../../http/request-validation.ts';
import { compileSchema, problemText } from '../../schemas/json-schema.ts';

type Checked = Pick<AgentFields, 'tools' | 'output' | 'mcpServers' | 'fallbacks'>;

/**
 * Throws `invalid_request` for a schema in an agent that is no JSON Schema, for tools of the same name, for tools of
 * type run without an agent or flow (and the other way round), for given answers that are no valid result, and for
 * deadline steps that do nothing or decide what no wait asks; also within the agents that its tools run.
 */
export function checkAgent(fields: Checked, path: string): void {
  const faults = agentFaults(fields, path);
  if (faults.length > 0) throw invalidRequest(faults);
}

function agentFaults(fields: Checked, path: string): Fault[] {
  const faults: Fault[] = [];
  const names = new Set<string>();
  for (const [index, tool] of (fields.tools ?? []).entries()) {
    const place = joinPath(path, ['tools', index]);
    if (names.has(tool.name)) {
      faults.push({ path: `${place}.name`, message: `another tool is called ${JSON.stringify(tool.name)}` });
    }
    names.add(tool.name);
    faults.push(...toolFaults(tool, place));
  }
  if (fields.output !== undefined) {
    const schema = compileSchema(fields.output);
    if (!schema.ok) faults.push({ path: joinPath(path, ['output']), message: schema.message });
  }
  return [...faults, ...fallbackFaults(fields, path)];
}

/** A given answer is the run's result, so it must be one. */
function fallbackFaults({ fallbacks = [], output: schema }: Checked, path: string): Fault[] {
  if (schema === undefined) return [];
  const compiled = compileSchema(schema);
  return fallbacks.flatMap((fallback, index): Fault[] => {
    if (fallback.type !== 'output' || !compiled.ok) return [];
    const place = joinPath(path, ['fallbacks', index, 'output']);
    const parsed = parsedJson(fallback.output);
    if (parsed === undefined) return [{ path: place, message: 'expected JSON, as the agent’s output is' }];
    const problem = compiled.validate(parsed);
    return problem === null ? [] : [{ path: place, message: problemText(problem) }];
  });
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Throws `invalid_request` for what `checkAgent` refuses in a tool. */
export function checkTool(tool: Tool, path: string): void {
  const faults = toolFaults(tool, path);
  if (faults.length > 0) throw invalidRequest(faults);
}

function toolFaults(tool: Tool, path: string): Fault[] {
  const { deadline = [], inputSchema } = tool;
  const schema = inputSchema === undefined ? null : compileSchema(inputSchema);
  return [
    ...(schema === null || schema.ok ? [] : [{ path: `${path}.inputSchema`, message: schema.message }]),
    ...ladderFaults(deadline, joinPath(path, ['deadline'])),
    ...runFaults(tool, joinPath(path, ['run'])),
  ];
}

function runFaults({ type, run }: Tool, path: string): Fault[] {
  if (type !== 'run') return run === undefined ? [] : [{ path, message: 'only a tool of type run has it' }];
  if (run === undefined) return [{ path, message: 'expected the agent or flow to run' }];
  const { agent, flow } = run;
  if (typeof agent === 'object') return agentFaults(agent, joinPath(path, ['agent']));
  if (typeof flow !== 'object') return [];
  const fields = flowFieldsSchema.safeParse(flow);
  if (!fields.success) return faultsOf(fields.error.issues, joinPath(path, ['flow']));
  return stepFaults(fields.data.steps, joinPath(path, ['flow', 'steps']));
}

/** In the agents and tools of steps; what else cannot work about them is told when the tool is called. */
function stepFaults(steps: readonly FlowStep[], path: string): Fault[] {
  return [...placedSteps(steps)].flatMap(({ step, path: place }) => {
    if (step.type === 'tool') return toolFaults(step.tool, joinPath(path, [...place, 'tool']));
    if (step.type !== 'agent' || typeof step.agent !== 'object') return [];
    return agentFaults(step.agent, joinPath(path, [...place, 'agent']));
  });
}

/** A step must do something, and a decision must be an answer to one kind of wait. */
function ladderFaults(steps: readonly DeadlineStep[], path: string): Fault[] {
  return steps.flatMap((step, index): Fault[] => {
    const place = joinPath(path, [index]);
    const { notify, assign, decide, expire } = step;
    if (notify === undefined && assign === undefined && decide === undefined && expire === undefined) {
      return [{ path: place, message: 'expected notify, assign, decide or expire' }];
    }
    if (decide === undefined) return [];
    if (expire !== undefined) return [{ path: place, message: 'give either decide or expire' }];
    const answer = answerBodySchema.safeParse(decide);
    if (!answer.success) {
      const [issue] = answer.error.issues;
      return [
        {
          path: joinPath(place, ['decide', ...(issue?.path ?? [])]),
          message: issue?.message ?? 'not an answer',
        },
      ];
    }
    if (kindOfAnswer(answer.data) !== null) return [];
    return [{ path: joinPath(place, ['decide']), message: 'expected the answer to one kind of wait' }];
  });
}
