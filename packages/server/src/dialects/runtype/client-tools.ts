import { jsonObjectSchema, type Tool } from '@fermata/protocol';
import { z } from 'zod';
import { compileSchema } from '../../schemas/json-schema.ts';
import { invalidMember } from './errors.ts';
import type { ClientTools } from './face-data.ts';

/** Source: wire section 6.1. */
export const clientToolSchema = z
  .object({
    name: z.string().min(1).max(200).describe('As the page calls it'),
    description: z.string().min(1).describe('What it does, for the model'),
    parametersSchema: jsonObjectSchema.optional().describe('JSON Schema of its parameters'),
    origin: z.enum(['webmcp', 'sdk']).optional().describe('webmcp: a tool of the page'),
    pageOrigin: z.string().max(2000).optional().describe('Origin of the page'),
  })
  .describe('A tool that the page or host carries out');
export type WireClientTool = z.infer<typeof clientToolSchema>;

export interface DecodedClientTools {
  tools: Tool[];
  /** Kept in the run's `face`. */
  info: ClientTools;
}

/** A reload of the page loses the only one who can answer. */
export const PAGE_TOOL_DEADLINE_S = 7 * 24 * 3600;

/** Declared tools under names that every model takes; what the page calls them is kept beside. */
export function decodeClientTools(
  declared: readonly WireClientTool[],
  allowlist: readonly string[] | null = null,
): DecodedClientTools {
  const decoded: DecodedClientTools = { tools: [], info: {} };
  for (const [index, tool] of declared.entries()) {
    if (allowlist !== null && !allowlist.includes(tool.name)) continue;
    const { name, description, parametersSchema, origin, pageOrigin } = tool;
    const inputSchema = parametersSchema ?? { type: 'object' };
    const compiled = compileSchema(inputSchema);
    if (!compiled.ok) throw invalidMember(`clientTools[${index}].parametersSchema`, compiled.message);
    const modelName = freeName(name, decoded.info);
    decoded.info[modelName] = {
      name,
      ...(origin === undefined ? {} : { origin }),
      ...(pageOrigin === undefined ? {} : { pageOrigin }),
    };
    decoded.tools.push({
      type: 'client',
      name: modelName,
      description,
      inputSchema,
      ...(origin === 'webmcp' ? { deadline: [{ after: PAGE_TOOL_DEADLINE_S, expire: true }] } : {}),
    });
  }
  return decoded;
}

/** Source: wire section 6.1: what is no letter, digit or underscore becomes one, in lower case. */
export function modelNameOf(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, '_').toLowerCase();
  return (/^[a-z_]/.test(plain) ? plain : `_${plain}`).slice(0, 60);
}

function freeName(name: string, taken: ClientTools): string {
  const base = modelNameOf(name);
  let free = base;
  for (let count = 2; Object.hasOwn(taken, free); count += 1) free = `${base}_${count}`;
  return free;
}
