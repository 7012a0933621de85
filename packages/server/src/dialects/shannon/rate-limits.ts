import type { FastifyReply } from 'fastify';
import type { Caller } from '../../engine/caller.ts';
import type { FaceContext } from '../../http/face.ts';
import { WireError } from './errors.ts';
import type { ShannonRoute } from './route.ts';

/** Fixed windows of Shannon's tier `free`, which every API key has (wire section 11.2). */
const WINDOWS = [
  { name: 'minute', requests: 60, seconds: 60 },
  { name: 'hour', requests: 1_000, seconds: 3_600 },
  { name: 'day', requests: 10_000, seconds: 86_400 },
] as const;

const LIMITED_READS: ReadonlySet<string> = new Set([
  '/api/v1/tasks',
  '/api/v1/tasks/{id}/events',
  '/api/v1/tasks/{id}/control-state',
  '/api/v1/sessions',
  '/api/v1/schedules',
]);

/** Whether requests of a route are counted: column L of the wire's route table. */
export function isLimited({ method, path }: Pick<ShannonRoute, 'method' | 'path'>): boolean {
  if (method === 'GET') return LIMITED_READS.has(path) || path.startsWith('/api/v1/tools');
  return !path.startsWith('/api/v1/auth/') || path === '/api/v1/auth/api-keys';
}

/** Counts a request in every window and tells where the key stands. Throws the wire's 429. */
export async function limitShannonRate(
  { rateLimiter }: Pick<FaceContext, 'rateLimiter'>,
  { keyId }: Caller,
  reply: FastifyReply,
): Promise<void> {
  const counts = await Promise.all(
    WINDOWS.map(({ name, ...limit }) => rateLimiter.take(keyId, { name: `shannon:${name}`, ...limit })),
  );
  WINDOWS.forEach(({ name, requests }, index) => {
    const count = counts[index];
    if (name === 'day' || count === null || count === undefined) return;
    void reply.header(`x-ratelimit-limit-${name}`, requests);
    void reply.header(`x-ratelimit-remaining-${name}`, count.remaining);
    if (name === 'minute') {
      void reply.header('x-ratelimit-reset', Math.ceil((Date.now() + count.endsInMs) / 1000));
    }
  });
  const exceeded = WINDOWS.findIndex((_window, index) => counts[index]?.isAllowed === false);
  const window = WINDOWS[exceeded];
  if (window === undefined) return;
  const seconds = Math.max(1, Math.ceil((counts[exceeded]?.endsInMs ?? 0) / 1000));
  void reply.header('retry-after', seconds);
  throw new WireError(429, {
    error: 'Rate limit exceeded',
    message: `Too many requests. ${window.name} limit exceeded. Please try again in ${seconds} seconds.`,
    window: window.name,
  });
}
