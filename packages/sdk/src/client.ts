import type { MeReply, RunChangeFrame } from '@fermata/protocol';
import {
  agentsApi,
  keysApi,
  principalsApi,
  type AgentsApi,
  type KeysApi,
  type PrincipalsApi,
} from './directory.ts';
import { clientTokensApi, type ClientTokensApi } from './client-tokens.ts';
import { flowsApi, type FlowsApi } from './flows.ts';
import { inboxApi, type InboxApi } from './inbox.ts';
import { jobsApi, type JobsApi } from './jobs.ts';
import { organizationApi, type OrganizationApi } from './organization.ts';
import { runsApi, type RunsApi } from './runs.ts';
import { followStream, parseFrame, type StreamOptions } from './stream.ts';
import { createTransport, type CallOptions, type Transport, type TransportOptions } from './transport.ts';
import { waitsApi, type WaitsApi } from './waits.ts';

export type ClientOptions = TransportOptions;

/** The native API of one Fermata server. Every failure is a `FermataError`. */
export interface Client {
  readonly runs: RunsApi;
  readonly waits: WaitsApi;
  readonly inbox: InboxApi;
  readonly jobs: JobsApi;
  readonly agents: AgentsApi;
  readonly flows: FlowsApi;
  readonly clientTokens: ClientTokensApi;
  readonly keys: KeysApi;
  readonly principals: PrincipalsApi;
  readonly organization: OrganizationApi;
  /** Who asks, and what answers. */
  me(options?: CallOptions): Promise<MeReply>;
  /**
   * Which runs change, without end: a hint to fetch a run again. Best effort: what happened while the stream
   * was cut is not told, so fetch anew in `onReconnect`.
   */
  changes(options?: StreamOptions): AsyncGenerator<RunChangeFrame, void, void>;
}

/**
 * A client of the server at `baseUrl`. Needs nothing but `fetch`, so it runs in Node, in browsers and in
 * workers. Mutations carry an `Idempotency-Key`, so that they can be sent again when no answer came.
 */
export function createClient(options: ClientOptions): Client {
  const transport = createTransport(options);
  return {
    runs: runsApi(transport),
    waits: waitsApi(transport),
    inbox: inboxApi(transport),
    jobs: jobsApi(transport),
    agents: agentsApi(transport),
    flows: flowsApi(transport),
    clientTokens: clientTokensApi(transport),
    keys: keysApi(transport),
    principals: principalsApi(transport),
    organization: organizationApi(transport),
    me: (call) => transport.json({ ...call, method: 'GET', path: '/me' }),
    changes: (stream = {}) => watchChanges(transport, stream),
  };
}

async function* watchChanges(
  transport: Transport,
  options: StreamOptions,
): AsyncGenerator<RunChangeFrame, void, void> {
  const frames = followStream({
    ...options,
    retryTimes: transport.retryTimes,
    maxRetries: transport.maxRetries,
    open: (signal) => transport.stream({ method: 'GET', path: '/changes', signal }),
  });
  for await (const frame of frames) {
    if (frame.event === 'run.changed') yield parseFrame<RunChangeFrame>(frame);
  }
}
