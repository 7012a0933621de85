import { isJsonObject, type JsonObject, type Run, type Wait } from '@fermata/protocol';
import { echoOf } from './encode.ts';
import { WireError } from './errors.ts';
import { PLAN_TOOL } from './plan-tool.ts';
import type { ShannonRequest } from './route.ts';

export const MAX_ROUNDS = 10;

/** The review of a task's plan, folded from the waits that its proposals have opened. */
export interface Review {
  status: 'reviewing' | 'approved';
  /** One per proposal. */
  round: number;
  version: number;
  plan: string;
  rounds: { role: string; message: string; timestamp: string }[];
  /** The proposal that waits for its answer, or null while a new one is written. */
  open: Wait | null;
}

export function reviewNotFound(): WireError {
  return new WireError(404, { error: 'Review session not found or expired' });
}

/** Null: nothing has been proposed yet. Throws the wire's 404 for a task without a review, or whose review is over. */
export async function readReview(request: ShannonRequest, run: Run): Promise<Review | null> {
  const waits = await planWaits(request, run);
  const last = waits.at(-1);
  if (last === undefined) {
    if (echoOf(run).isReviewed && run.finishedAt === null) return null;
    throw reviewNotFound();
  }
  if (last.state !== 'open' && last.state !== 'resolved') throw reviewNotFound();
  const isApproved = verdictOf(last)?.['action'] === 'approve';
  if (run.finishedAt !== null && !isApproved) throw reviewNotFound();
  return {
    status: isApproved ? 'approved' : 'reviewing',
    round: waits.length,
    version: waits.length,
    plan: last.prompt,
    rounds: waits.flatMap(roundOf),
    open: last.state === 'open' ? last : null,
  };
}

async function planWaits({ engine, caller }: ShannonRequest, run: Run): Promise<Wait[]> {
  const page = await engine.waits.list(caller, {
    run: run.id,
    kind: ['input'],
    state: ['open', 'resolved', 'expired', 'superseded', 'cancelled'],
    tool: [PLAN_TOOL],
    limit: 100,
  });
  return page.data;
}

function verdictOf(wait: Wait): JsonObject | null {
  const value = wait.resolution?.value;
  return isJsonObject(value ?? null) ? (value as JsonObject) : null;
}

function roundOf(wait: Wait): Review['rounds'] {
  const verdict = verdictOf(wait);
  const feedback = verdict?.['action'] === 'feedback' ? verdict['message'] : undefined;
  return [
    { role: 'assistant', message: wait.prompt, timestamp: wait.openedAt },
    ...(typeof feedback === 'string'
      ? [{ role: 'user', message: feedback, timestamp: wait.resolution?.at ?? wait.openedAt }]
      : []),
  ];
}

export function reviewJson(review: Review | null, run: Run): JsonObject {
  return {
    status: review?.status ?? 'reviewing',
    round: review?.round ?? 0,
    version: review?.version ?? 0,
    current_plan: review?.plan ?? '',
    rounds: review?.rounds ?? [],
    query: echoOf(run).query,
  };
}
