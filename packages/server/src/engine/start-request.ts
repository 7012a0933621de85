import type {
  AgentFields,
  FlowFields,
  Json,
  JsonObject,
  Limits,
  OnLimit,
  OnProviderFailure,
  RunMode,
} from '@fermata/protocol';
import type { NewWebhook } from './facade-webhooks.ts';

/** What a run is started with: an agent or a flow, saved or inline, or what the caller's face has for none. */
export interface StartRun {
  agentId?: string | undefined;
  agent?: AgentFields | undefined;
  flowId?: string | undefined;
  flow?: FlowFields | undefined;
  model?: string | undefined;
  script?: AgentFields['script'] | undefined;
  /** Of a flow: beside the tools of every agent in it, and before those of the same name. */
  stepTools?: AgentFields['tools'] | undefined;
  /** The agents' own tools go before `stepTools` of the same name: whoever starts the run must not replace them. */
  stepToolsYield?: boolean | undefined;
  /** In place of the agent's. */
  instructions?: string | undefined;
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
  /** In place of the organization's, of the caller's face. */
  webhooks?: readonly NewWebhook[] | undefined;
  metadata?: JsonObject | undefined;
  title?: string | undefined;
  key?: string | undefined;
  startAt?: string | undefined;
  face?: JsonObject | undefined;
  traceparent?: string | undefined;
}
