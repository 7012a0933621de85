import type {
  AgentFields,
  Json,
  JsonObject,
  Limits,
  OnLimit,
  OnProviderFailure,
  RunMode,
} from '@fermata/protocol';

/** What a run is started with. */
export interface StartRun {
  agentId?: string | undefined;
  agent?: AgentFields | undefined;
  flow?: JsonObject | undefined;
  model?: string | undefined;
  script?: AgentFields['script'] | undefined;
  tools?: AgentFields['tools'] | undefined;
  input?: Json | undefined;
  mode?: RunMode | undefined;
  kind?: string | undefined;
  sessionId?: string | undefined;
  sessionKey?: string | undefined;
  missionId?: string | undefined;
  onLimit?: OnLimit | undefined;
  onProviderFailure?: OnProviderFailure | undefined;
  limits?: Limits | undefined;
  secrets?: Record<string, string> | undefined;
  webhooks?: Json | undefined;
  metadata?: JsonObject | undefined;
  title?: string | undefined;
  key?: string | undefined;
  startAt?: string | undefined;
  face?: JsonObject | undefined;
  traceparent?: string | undefined;
}
