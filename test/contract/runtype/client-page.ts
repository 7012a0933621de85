import type { CreateClientTokenReply } from '@fermata/protocol';
import type { World } from '../../world/server.ts';
import { RuntypeClient, type RuntypeFrame, type RuntypeReply } from './runtype-client.ts';

export const SHOP = 'https://shop.example';

/** A client token for pages of `SHOP`. */
export async function newClientToken(world: World, body: Record<string, unknown> = {}): Promise<string> {
  const created = await world.api.call<CreateClientTokenReply>('POST', '/v1/client-tokens', {
    name: 'shop',
    origins: [SHOP],
    ...body,
  });
  return created.token ?? '';
}

/** A page of some origin, which has a client token and no key. */
export class Page {
  readonly token: string;
  readonly #client: RuntypeClient;
  readonly #headers: Record<string, string>;

  constructor(world: World, token: string, origin: string | null = SHOP, url: string = world.url) {
    this.token = token;
    this.#client = new RuntypeClient(`${url}/runtype`, '');
    this.#headers = { 'x-persona-version': '4.17.0', ...(origin === null ? {} : { origin }) };
  }

  /** A request to a client route. */
  post<T = Record<string, unknown>>(route: string, body: Record<string, unknown>): Promise<RuntypeReply<T>> {
    return this.request('POST', `/v1/client/${route}`, body);
  }

  request<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: Record<string, unknown>,
  ): Promise<RuntypeReply<T>> {
    return this.#client.request(method, path, { body, headers: this.#headers, key: null });
  }

  /** The frames of a streamed answer. */
  frames(route: string, body: Record<string, unknown>): Promise<RuntypeFrame[]> {
    return this.streamed('POST', `/v1/client/${route}`, body);
  }

  streamed(method: string, path: string, body?: Record<string, unknown>): Promise<RuntypeFrame[]> {
    return this.#client.frames(method, path, { body, headers: this.#headers, key: null });
  }

  async begin(): Promise<{ sessionId: string; conversationId: string }> {
    const reply = await this.post<{ sessionId: string; conversationId: string }>('init', {
      token: this.token,
    });
    if (reply.status !== 200) throw new Error(`init: ${reply.status} ${reply.text}`);
    return reply.body;
  }
}
