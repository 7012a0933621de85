import { getUsageQuerySchema, getUsageReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

const DEFAULT_DAYS = 30;
const DAY_MS = 86_400_000;

export const getUsage = defineOperation({
  operationId: 'getUsage',
  method: 'GET',
  path: '/usage',
  tag: 'Identity',
  role: 'viewer',
  summary: 'What the organization has used',
  description: 'By day (UTC), model or agent; both days are included.',
  query: getUsageQuerySchema,
  replies: { 200: { description: 'Sums by group', schema: getUsageReplySchema } },
  errors: [],
  handle: async ({ engine, caller, query }) => {
    const to = query.to ?? dayOf(Date.now());
    const from = query.from ?? dayOf(Date.parse(to) - DEFAULT_DAYS * DAY_MS);
    const groupBy = [...new Set(query.groupBy ?? ['day' as const])];
    return { status: 200, body: await engine.usage.report(caller, { from, to, groupBy }) };
  },
});

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
