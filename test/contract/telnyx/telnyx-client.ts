import Telnyx from 'telnyx';
import type { World } from '../../world/server.ts';

export interface RecordedRequest {
  method: string;
  path: string;
  status: number;
  headers: Headers;
}

/** The vendor's client, with nothing changed but its base URL, and what it asked for. */
export interface RecordingClient {
  telnyx: Telnyx;
  requests: RecordedRequest[];
}

/** A client of the world's first server, or of the server at `url`. */
export function recordingClient(
  world: World,
  options: { key?: string; url?: string; maxRetries?: number; prefix?: string } = {},
): RecordingClient {
  const requests: RecordedRequest[] = [];
  const { key = world.api.key, url = world.url, maxRetries, prefix = '/telnyx/v2' } = options;
  const telnyx = new Telnyx({
    apiKey: key,
    baseURL: url + prefix,
    ...(maxRetries === undefined ? {} : { maxRetries }),
    fetch: async (input, init) => {
      const response = await fetch(input, init);
      const path = new URL(String(input)).pathname;
      requests.push({
        method: init?.method ?? 'GET',
        path,
        status: response.status,
        headers: response.headers,
      });
      return response;
    },
  });
  return { telnyx, requests };
}

export type Missions = Telnyx['ai']['missions'];

export function missionsOf(world: World, options: Parameters<typeof recordingClient>[1] = {}): Missions {
  return recordingClient(world, options).telnyx.ai.missions;
}

export interface ExternalRun {
  mission_id: string;
  run_id: string;
  /** As the SDK takes the mission of a run. */
  of: { mission_id: string };
}

/** A new run of a new external mission. */
export async function externalRun(missions: Missions, input?: Record<string, unknown>): Promise<ExternalRun> {
  const { data: mission } = await missions.create({ name: 'external' });
  const body = input === undefined ? {} : { input };
  const { data: run } = await missions.runs.create(mission.mission_id, body);
  return { mission_id: mission.mission_id, run_id: run.run_id, of: { mission_id: mission.mission_id } };
}

/** A plain request, for what the SDK would not send. */
export async function plain(
  world: World,
  method: string,
  path: string,
  options: { body?: string; headers?: Record<string, string>; key?: string; url?: string } = {},
): Promise<{ status: number; headers: Headers; body: Record<string, unknown> }> {
  const response = await fetch(`${options.url ?? world.url}/telnyx/v2/ai/missions${path}`, {
    method,
    headers: { authorization: `Bearer ${options.key ?? world.api.key}`, ...options.headers },
    ...(options.body === undefined ? {} : { body: options.body }),
  });
  const text = await response.text();
  const body = text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
  return { status: response.status, headers: response.headers, body };
}

export const JSON_TYPE = { 'content-type': 'application/json' };
export const NO_UUID = '00000000-0000-0000-0000-00000000abcd';

/** The numbers of a page; the SDK's types know two of them. */
export function metaOf(page: { meta: object }): Record<'page_size' | 'total_results', unknown> {
  return page.meta as Record<'page_size' | 'total_results', unknown>;
}
