import { z } from 'zod';
import { readReview, reviewJson } from '../review.ts';
import { defineRoute } from '../route.ts';
import { findTask } from '../task-id.ts';
import { checkId } from '../validate.ts';
import { reviewState } from '../wire.ts';

export const getReview = defineRoute({
  operationId: 'getReview',
  method: 'GET',
  path: '/api/v1/tasks/{id}/review',
  tag: 'Reviews',
  role: 'viewer',
  summary: 'Get the plan that a task proposes, and what was said about it',
  params: z.object({ id: z.string().describe('Task id') }),
  replies: { 200: { description: 'The review; its version is the ETag', schema: reviewState } },
  errors: ['not_found'],
  handle: async (request) => {
    const run = await findTask(request, checkId(request.params['id'], 'Invalid workflow ID format'));
    const review = await readReview(request, run);
    return {
      status: 200,
      body: reviewJson(review, run),
      headers: { etag: String(review?.version ?? 0) },
    };
  },
});
