import type {
  CreateKeyReply,
  KeyReply,
  ListAgentsQuery,
  ListQuery,
  PrincipalReply,
  SavedAgentReply,
  createAgentBodySchema,
  createKeyBodySchema,
  createPrincipalBodySchema,
  updateAgentBodySchema,
  updatePrincipalBodySchema,
} from '@fermata/protocol';
import { listOf } from './list-of.ts';
import type { PagedList } from './pages.ts';
import type { InputOf } from './request-body.ts';
import type { CallOptions, Transport } from './transport.ts';

export type CreateAgent = InputOf<typeof createAgentBodySchema>;
export type UpdateAgent = InputOf<typeof updateAgentBodySchema>;
export type CreateKey = InputOf<typeof createKeyBodySchema>;
export type CreatePrincipal = InputOf<typeof createPrincipalBodySchema>;
export type UpdatePrincipal = InputOf<typeof updatePrincipalBodySchema>;

/** Saved agents: model, instructions, tools and limits, in versions. */
export interface AgentsApi {
  list(query?: ListAgentsQuery, options?: CallOptions): PagedList<SavedAgentReply>;
  get(agentId: string, query?: { version?: number }, options?: CallOptions): Promise<SavedAgentReply>;
  create(body: CreateAgent, options?: CallOptions): Promise<SavedAgentReply>;
  /** Makes a new version; runs keep the one that they started with. */
  update(agentId: string, body: UpdateAgent, options?: CallOptions): Promise<SavedAgentReply>;
  delete(agentId: string, options?: CallOptions): Promise<void>;
}

/** API keys, by their admins. */
export interface KeysApi {
  list(query?: ListQuery, options?: CallOptions): PagedList<KeyReply>;
  get(keyId: string, options?: CallOptions): Promise<KeyReply>;
  /** `secret` is shown this once; null when the reply is a replay. */
  create(body: CreateKey, options?: CallOptions): Promise<CreateKeyReply>;
  revoke(keyId: string, options?: CallOptions): Promise<KeyReply>;
}

/** People and services, to whom keys belong. */
export interface PrincipalsApi {
  list(query?: ListQuery, options?: CallOptions): PagedList<PrincipalReply>;
  get(principalId: string, options?: CallOptions): Promise<PrincipalReply>;
  create(body: CreatePrincipal, options?: CallOptions): Promise<PrincipalReply>;
  update(principalId: string, body: UpdatePrincipal, options?: CallOptions): Promise<PrincipalReply>;
}

export function agentsApi({ json }: Transport): AgentsApi {
  const at = (agentId: string): string => `/agents/${encodeURIComponent(agentId)}`;
  return {
    list: listOf(json, '/agents'),
    get: (agentId, query = {}, options) => json({ ...options, method: 'GET', path: at(agentId), query }),
    create: (body, options) => json({ ...options, method: 'POST', path: '/agents', body }),
    update: (agentId, body, options) => json({ ...options, method: 'PATCH', path: at(agentId), body }),
    delete: (agentId, options) => json({ ...options, method: 'DELETE', path: at(agentId) }),
  };
}

export function keysApi({ json }: Transport): KeysApi {
  const at = (keyId: string): string => `/keys/${encodeURIComponent(keyId)}`;
  return {
    list: listOf(json, '/keys'),
    get: (keyId, options) => json({ ...options, method: 'GET', path: at(keyId) }),
    create: (body, options) => json({ ...options, method: 'POST', path: '/keys', body }),
    revoke: (keyId, options) => json({ ...options, method: 'DELETE', path: at(keyId) }),
  };
}

export function principalsApi({ json }: Transport): PrincipalsApi {
  const at = (principalId: string): string => `/principals/${encodeURIComponent(principalId)}`;
  return {
    list: listOf(json, '/principals'),
    get: (principalId, options) => json({ ...options, method: 'GET', path: at(principalId) }),
    create: (body, options) => json({ ...options, method: 'POST', path: '/principals', body }),
    update: (principalId, body, options) =>
      json({ ...options, method: 'PATCH', path: at(principalId), body }),
  };
}
