import type { Caller, CommandOptions } from '../../engine/caller.ts';
import type { Engine } from '../../engine/facade.ts';
import type { JsonReply } from '../../http/idempotency.ts';
import type { OperationSpec } from '../../http/route.ts';
import type { ServerInfo } from '../../http/server-info.ts';
import type { EventStream } from '../../http/sse.ts';
import type { ReadBody } from './body.ts';

/** What the face is made with, besides the engine. */
export interface ShannonOptions {
  /** Models of the tiers small, medium and large; a tier without one leaves the agent's model. */
  tiers: Readonly<Record<string, string>>;
  /** Requests are limited as Shannon does for API keys. */
  hasRateLimits: boolean;
  /** How long the stream of an unknown task stays open before it says so, ms. */
  unknownTaskMs: number;
  heartbeatMs: number;
  /** How long a plan that is being revised is waited for, ms. */
  revisionMs: number;
}

/** One route of the face: its documentation, its policy, and what it does. */
export interface ShannonRoute extends Omit<OperationSpec, 'errors'> {
  errors?: OperationSpec['errors'];
  /** `api_key` and `token` of the query are taken as credentials: for browsers' EventSource and WebSocket. */
  takesQueryCredentials?: boolean;
  /** An `Idempotency-Key` is honoured. */
  isKeyed?: boolean;
  /** Headers that go with a reply's body, fresh or replayed. */
  headersOf?(body: unknown): Record<string, string>;
  handle(request: ShannonRequest): Promise<ShannonReply>;
}

export interface ShannonRequest {
  engine: Engine;
  caller: Caller;
  server: ServerInfo;
  options: ShannonOptions;
  params: Readonly<Record<string, string>>;
  query: URLSearchParams;
  body: ReadBody;
  header(name: string): string | undefined;
  /** Path under which the face was asked, for links. */
  basePath: string;
  traceparent: string | undefined;
  /** Aborts when the stream must end; make one only for a stream. */
  streamSignal(): AbortSignal;
  /** Runs a command under the request's key; what `reply` gives is kept for repeats. */
  command<T>(
    run: (options: CommandOptions) => Promise<T>,
    reply: (result: T) => JsonReply,
  ): Promise<JsonReply>;
}

export type ShannonReply =
  | (JsonReply & { headers?: Record<string, string> })
  | { status: 200; stream: EventStream; headers?: Record<string, string> };

/** A route with its defaults. */
export function defineRoute(route: ShannonRoute): ShannonRoute & OperationSpec {
  return { ...route, errors: route.errors ?? [] };
}
