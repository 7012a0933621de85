import type { Run } from '@fermata/protocol';
import { z } from 'zod';
import { EngineError } from '../../../engine/errors.ts';
import { bodyObject } from '../body.ts';
import { badRequest, WireError } from '../errors.ts';
import { MAX_ROUNDS, readReview, type Review } from '../review.ts';
import { defineRoute, type ShannonReply, type ShannonRequest } from '../route.ts';
import { findTask } from '../task-id.ts';
import { checkId } from '../validate.ts';
import { reviewBody, reviewReply } from '../wire.ts';

const MAX_MESSAGE_BYTES = 10 * 1024;

export const postReview = defineRoute({
  operationId: 'postReview',
  method: 'POST',
  path: '/api/v1/tasks/{id}/review',
  tag: 'Reviews',
  role: 'operator',
  summary: 'Comment on a plan, or approve it',
  description: 'Feedback is answered when the plan was revised; after 60 s without one 502.',
  params: z.object({ id: z.string().describe('Task id') }),
  body: reviewBody,
  example: { action: 'approve' },
  replies: { 200: { description: 'The new plan, or the approval', schema: reviewReply } },
  errors: ['not_found', 'version_mismatch'],
  handle: async (request) => {
    const id = checkId(request.params['id'], 'Invalid workflow ID format');
    const { action, message } = bodyObject(request.body);
    if (action !== 'feedback' && action !== 'approve') {
      throw badRequest("action must be 'feedback' or 'approve'");
    }
    const text = typeof message === 'string' ? message.trim() : '';
    if (action === 'feedback' && text === '') throw badRequest('message is required for feedback');
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) {
      throw badRequest('message exceeds maximum length (10KB)');
    }
    const run = await findTask(request, id);
    const review = await readReview(request, run);
    if (review === null) throw badRequest('No research plan to approve. Wait until one is proposed.');
    const isRepeated = action === 'approve' && review.status === 'approved';
    if (isRepeated) return approved(review);
    if (review.status === 'approved') throw conflict('Review already approved');
    checkVersion(request, review);
    if (review.open === null) throw conflict('Another feedback request is in progress. Please wait.');
    if (action === 'feedback' && review.round > MAX_ROUNDS) {
      throw conflict('Maximum review rounds reached. Please approve the plan.');
    }
    await answer(request, review.open.id, action === 'approve' ? { action } : { action, message: text });
    return action === 'approve' ? approved(review) : revised(request, run, review);
  },
});

function conflict(message: string): WireError {
  return new WireError(409, { error: message });
}

function checkVersion(request: ShannonRequest, review: Review): void {
  const given = request.header('if-match')?.replaceAll('"', '').trim();
  if (given === undefined || given === '' || given === '*') return;
  if (!/^\d{1,9}$/.test(given)) throw badRequest('Invalid If-Match');
  if (Number(given) !== review.version) {
    throw conflict('Conflict: plan has been updated. Please review the latest version.');
  }
}

async function answer(
  { engine, caller }: ShannonRequest,
  waitId: string,
  value: Record<string, string>,
): Promise<void> {
  try {
    await engine.waits.answer(caller, waitId, { value });
  } catch (error) {
    if (error instanceof EngineError && error.code === 'wait_closed') {
      throw conflict('Conflict: state has been modified');
    }
    throw error;
  }
}

function approved(review: Review): ShannonReply {
  return {
    status: 200,
    body: { status: 'approved', message: 'Research started' },
    headers: { etag: String(review.version) },
  };
}

/** Waits on the log for the next proposal; the parts of it stand where the SDK and where the desktop app look. */
async function revised(request: ShannonRequest, run: Run, before: Review): Promise<ShannonReply> {
  const { engine, caller, options } = request;
  const signal = AbortSignal.any([AbortSignal.timeout(options.revisionMs), request.streamSignal()]);
  for await (const batch of await engine.events.tail(caller, run.id, run.head, signal)) {
    const isEnded = batch?.some(({ type }) => /^run\.(succeeded|failed|cancelled)$/.test(type)) === true;
    if (isEnded) break;
    if (batch?.some(({ type }) => type === 'wait.opened') !== true) continue;
    const review = await readReview(request, run);
    if (review === null || review.round <= before.round) continue;
    const { plan, round, version } = review;
    return {
      status: 200,
      body: {
        status: 'reviewing',
        plan: { message: plan, round, version, intent: 'feedback' },
        round,
        version,
        current_plan: plan,
      },
      headers: { etag: String(version) },
    };
  }
  throw new WireError(502, { error: 'Failed to generate updated plan' });
}
