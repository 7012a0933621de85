import type { JsonObject } from '@fermata/protocol';
import type { StoredRecord } from '../../engine/facade-accounts.ts';
import type { OperationRequest } from '../../http/route.ts';
import { objectData } from './encode.ts';

/** Objects of a mission without a schema, kept as records in `<path>/<mission id>`. */
export interface Collection {
  /** Segment of the path. */
  path: string;
  /** Its member in a mission's reply. */
  member: string;
  /** The id of one, in paths and replies. */
  idName: string;
  /** For a person. */
  singular: string;
}

export const TOOLS: Collection = { path: 'tools', member: 'tools', idName: 'tool_id', singular: 'tool' };
export const MCP_SERVERS: Collection = {
  path: 'mcp-servers',
  member: 'mcp_servers',
  idName: 'mcp_server_id',
  singular: 'MCP server',
};
export const KNOWLEDGE_BASES: Collection = {
  path: 'knowledge-bases',
  member: 'knowledge_bases',
  idName: 'knowledge_base_id',
  singular: 'knowledge base',
};
export const COLLECTIONS: readonly Collection[] = [TOOLS, KNOWLEDGE_BASES, MCP_SERVERS];

/** Most objects of a collection that are listed and used. */
const MOST = 1000;

type Scoped = Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>;

/** In the order in which they were created. */
export async function storedObjects(
  { engine, caller }: Scoped,
  collection: Collection,
  missionId: string,
): Promise<StoredRecord[]> {
  const page = await engine.records.list(caller, 'telnyx', placeOf(collection, missionId), { limit: MOST });
  return page.data;
}

export async function listObjects(
  request: Scoped,
  collection: Collection,
  missionId: string,
): Promise<JsonObject[]> {
  const records = await storedObjects(request, collection, missionId);
  return records.map((record) => objectData(missionId, collection.idName, record));
}

/** The collection of the record store. */
export function placeOf({ path }: Collection, missionId: string): string {
  return `${path}/${missionId}`;
}
