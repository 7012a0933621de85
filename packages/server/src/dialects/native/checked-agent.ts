import { answerBodySchema, type AgentFields, type DeadlineStep, type Tool } from '@fermata/protocol';
import { kindOfAnswer } from '../../engine/deciders/answers.ts';
import { invalidRequest } from '../../http/problem.ts';
import { joinPath, type Fault } from '../../http/request-validation.ts';
import { compileSchema } from '../../schemas/json-schema.ts';

/**
 * Throws `invalid_request` for a schema in an agent that is no JSON Schema, for tools of the same name, and for
 * deadline steps that do nothing or decide what no wait asks.
 */
export function checkAgent(fields: Pick<AgentFields, 'tools' | 'output' | 'mcpServers'>, path: string): void {
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
  if (faults.length > 0) throw invalidRequest(faults);
}

/** Throws `invalid_request` for what `checkAgent` refuses in a tool. */
export function checkTool(tool: Tool, path: string): void {
  const faults = toolFaults(tool, path);
  if (faults.length > 0) throw invalidRequest(faults);
}

function toolFaults(tool: Tool, path: string): Fault[] {
  const faults = ladderFaults(tool.deadline ?? [], joinPath(path, ['deadline']));
  if (tool.inputSchema === undefined) return faults;
  const schema = compileSchema(tool.inputSchema);
  return schema.ok ? faults : [{ path: `${path}.inputSchema`, message: schema.message }, ...faults];
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
