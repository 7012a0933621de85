import type {
  ListFlowsQuery,
  SavedFlowReply,
  createFlowBodySchema,
  updateFlowBodySchema,
} from '@fermata/protocol';
import { listOf } from './list-of.ts';
import type { PagedList } from './pages.ts';
import type { InputOf } from './request-body.ts';
import type { CallOptions, Transport } from './transport.ts';

export type CreateFlow = InputOf<typeof createFlowBodySchema>;
export type UpdateFlow = InputOf<typeof updateFlowBodySchema>;

/** Saved flows: lists of steps, in versions. */
export interface FlowsApi {
  list(query?: ListFlowsQuery, options?: CallOptions): PagedList<SavedFlowReply>;
  get(flowId: string, query?: { version?: number }, options?: CallOptions): Promise<SavedFlowReply>;
  create(body: CreateFlow, options?: CallOptions): Promise<SavedFlowReply>;
  /** Makes a new version; runs keep the one that they started with. */
  update(flowId: string, body: UpdateFlow, options?: CallOptions): Promise<SavedFlowReply>;
  delete(flowId: string, options?: CallOptions): Promise<void>;
}

export function flowsApi({ json }: Transport): FlowsApi {
  const at = (flowId: string): string => `/flows/${encodeURIComponent(flowId)}`;
  return {
    list: listOf(json, '/flows'),
    get: (flowId, query = {}, options) => json({ ...options, method: 'GET', path: at(flowId), query }),
    create: (body, options) => json({ ...options, method: 'POST', path: '/flows', body }),
    update: (flowId, body, options) => json({ ...options, method: 'PATCH', path: at(flowId), body }),
    delete: (flowId, options) => json({ ...options, method: 'DELETE', path: at(flowId) }),
  };
}
