import type {
  GetUsageQuery,
  OrganizationReply,
  UsageReport,
  updateOrganizationBodySchema,
} from '@fermata/protocol';
import type { InputOf } from './request-body.ts';
import type { CallOptions, Transport } from './transport.ts';

export type UpdateOrganization = InputOf<typeof updateOrganizationBodySchema>;

/** The caller's organization: its daily limits, and what it has used. */
export interface OrganizationApi {
  get(options?: CallOptions): Promise<OrganizationReply>;
  /** Limits are merged by key, null removes one. */
  update(body: UpdateOrganization, options?: CallOptions): Promise<OrganizationReply>;
  /** By day (UTC) unless `groupBy` says otherwise. */
  usage(query?: GetUsageQuery, options?: CallOptions): Promise<UsageReport>;
}

export function organizationApi({ json }: Transport): OrganizationApi {
  return {
    get: (options) => json({ ...options, method: 'GET', path: '/organization' }),
    update: (body, options) => json({ ...options, method: 'PATCH', path: '/organization', body }),
    usage: (query = {}, options) => json({ ...options, method: 'GET', path: '/usage', query }),
  };
}
