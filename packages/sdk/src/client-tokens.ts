import type {
  ClientFeedback,
  ClientToken,
  CreateClientTokenReply,
  ListQuery,
  createClientTokenBodySchema,
  updateClientTokenBodySchema,
} from '@fermata/protocol';
import { listOf } from './list-of.ts';
import type { PagedList } from './pages.ts';
import type { InputOf } from './request-body.ts';
import type { CallOptions, Transport } from './transport.ts';

export type CreateClientToken = InputOf<typeof createClientTokenBodySchema>;
export type UpdateClientToken = InputOf<typeof updateClientTokenBodySchema>;

/** What lets pages talk to an agent or flow without a key, by admins. */
export interface ClientTokensApi {
  list(query?: ListQuery, options?: CallOptions): PagedList<ClientToken>;
  get(clientTokenId: string, options?: CallOptions): Promise<ClientToken>;
  /** `token` is shown this once; null when the reply is a replay. */
  create(body: CreateClientToken, options?: CallOptions): Promise<CreateClientTokenReply>;
  update(clientTokenId: string, body: UpdateClientToken, options?: CallOptions): Promise<ClientToken>;
  /** For good; sessions of its pages end. */
  revoke(clientTokenId: string, options?: CallOptions): Promise<ClientToken>;
  /** What visitors think, newest first. */
  feedback(clientTokenId: string, query?: ListQuery, options?: CallOptions): PagedList<ClientFeedback>;
}

export function clientTokensApi({ json }: Transport): ClientTokensApi {
  const at = (id: string): string => `/client-tokens/${encodeURIComponent(id)}`;
  return {
    list: listOf(json, '/client-tokens'),
    get: (id, options) => json({ ...options, method: 'GET', path: at(id) }),
    create: (body, options) => json({ ...options, method: 'POST', path: '/client-tokens', body }),
    update: (id, body, options) => json({ ...options, method: 'PATCH', path: at(id), body }),
    revoke: (id, options) => json({ ...options, method: 'DELETE', path: at(id) }),
    feedback: (id, query, options) => listOf<ClientFeedback>(json, `${at(id)}/feedback`)(query, options),
  };
}
