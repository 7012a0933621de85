import type { Role } from '@fermata/protocol';
import type { World } from '../../world/server.ts';

/** An operation as the served document describes it. */
export interface DocumentedOperation {
  operationId: string;
  method: string;
  /** With `{names}`. */
  path: string;
  role: Role;
  hasBody: boolean;
  /** Names of the query. */
  query: string[];
  /** Members of the body. */
  members: string[];
  responses: Record<string, { content?: Record<string, { schema?: object }> }>;
}

export interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object> };
}

interface Operation {
  operationId: string;
  'x-role': Role;
  parameters?: { name: string; in: string; description: string }[];
  requestBody?: { content: { 'application/json': { schema: { properties?: object } } } };
  responses: DocumentedOperation['responses'];
}

export async function readDocument(world: World): Promise<Document> {
  const response = await fetch(`${world.url}/openapi/native.json`);
  return (await response.json()) as Document;
}

export function operationsOf(document: Document): DocumentedOperation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      operationId: operation.operationId,
      method: method.toUpperCase(),
      path,
      role: operation['x-role'],
      hasBody: operation.requestBody !== undefined,
      query: (operation.parameters ?? []).filter((one) => one.in === 'query').map((one) => one.name),
      members: Object.keys(operation.requestBody?.content['application/json'].schema.properties ?? {}),
      responses: operation.responses,
    })),
  );
}

/** The path with these values, under `/v1`. */
export function pathOf(path: string, values: Readonly<Record<string, string>>): string {
  return `/v1${path.replaceAll(/\{(\w+)\}/g, (_match, name: string) => encodeURIComponent(values[name] ?? 'nothing'))}`;
}
