import type { AgentFields } from '@fermata/protocol';
import { invalidRequest } from '../../http/problem.ts';
import { joinPath, type Fault } from '../../http/request-validation.ts';
import { compileSchema } from '../../schemas/json-schema.ts';

/** Throws `invalid_request` for a schema in an agent that is no JSON Schema, and for tools of the same name. */
export function checkAgent(fields: Pick<AgentFields, 'tools' | 'output' | 'mcpServers'>, path: string): void {
  const faults: Fault[] = [];
  const names = new Set<string>();
  for (const [index, tool] of (fields.tools ?? []).entries()) {
    const place = joinPath(path, ['tools', index]);
    if (names.has(tool.name)) {
      faults.push({ path: `${place}.name`, message: `another tool is called ${JSON.stringify(tool.name)}` });
    }
    names.add(tool.name);
    if (tool.inputSchema !== undefined) {
      const schema = compileSchema(tool.inputSchema);
      if (!schema.ok) faults.push({ path: `${place}.inputSchema`, message: schema.message });
    }
  }
  if (fields.output !== undefined) {
    const schema = compileSchema(fields.output);
    if (!schema.ok) faults.push({ path: joinPath(path, ['output']), message: schema.message });
  }
  if (faults.length > 0) throw invalidRequest(faults);
}
