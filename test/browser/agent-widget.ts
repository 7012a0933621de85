import type { JsonObject } from '@fermata/protocol';
import type { Body } from '../world/api-client.ts';
import type { World } from '../world/server.ts';
import type { WidgetOptions } from './widget.ts';

/** The face as a page is told of it: nothing but an `apiUrl`, and a key for the server's operator. */
export function apiOf({ url, api }: Pick<World, 'url' | 'api'>): JsonObject {
  return { apiUrl: `${url}/runtype/v1/dispatch`, headers: { Authorization: `Bearer ${api.key}` } };
}

/** A widget whose agent is a saved one that says what the script tells it. */
export async function scripted(
  world: World,
  script: Body[],
  options: { tools?: Body[]; config?: JsonObject; pageTools?: WidgetOptions['pageTools'] } = {},
): Promise<WidgetOptions> {
  const { tools = [], config = {}, pageTools } = options;
  const agent = await world.api.call<{ id: string }>('POST', '/v1/agents', { name: 'Shop', script, tools });
  return {
    config: { ...apiOf(world), agentId: agent.id, ...config },
    ...(pageTools === undefined ? {} : { pageTools }),
  };
}
