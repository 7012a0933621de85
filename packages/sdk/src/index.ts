export { createClient, type Client, type ClientOptions } from './client.ts';
export {
  FermataError,
  type ErrorDetails,
  type FermataErrorCode,
  type FermataErrorFields,
  type LocalErrorCode,
} from './errors.ts';
export type { Page, PagedList } from './pages.ts';
export type { CallOptions, Fetch } from './transport.ts';
export type { Reconnect, StreamOptions } from './stream.ts';
export type { WatchOptions } from './watch-run.ts';
export type {
  AddNote,
  Answer,
  CancelRun,
  ForkRun,
  PauseRun,
  ReportRun,
  ResumeRun,
  RetryRun,
  RunsApi,
  SendMessage,
  UpdateRun,
} from './runs.ts';
export type { StartedStream, StartRun, StartStreamOptions } from './start-stream.ts';
export type { ClientTokensApi, CreateClientToken, UpdateClientToken } from './client-tokens.ts';
export type { CreateFlow, FlowsApi, UpdateFlow } from './flows.ts';
export type { InboxApi } from './inbox.ts';
export type { CreateJob, JobsApi } from './jobs.ts';
export type { OrganizationApi, UpdateOrganization } from './organization.ts';
export type { AssignWait, SnoozeWait, WaitsApi } from './waits.ts';
export type {
  AgentsApi,
  CreateAgent,
  CreateKey,
  CreatePrincipal,
  KeysApi,
  PrincipalsApi,
  UpdateAgent,
  UpdatePrincipal,
} from './directory.ts';
export type {
  Actor,
  CreateKeyReply,
  EventOf,
  EventType,
  InboxCounts,
  InboxItem,
  Job,
  JobAction,
  JobPreview,
  Json,
  JsonObject,
  KeyReply,
  MeReply,
  OrganizationReply,
  Preview,
  PrincipalReply,
  Receipts,
  Run,
  RunChangeFrame,
  RunEvent,
  RunStatus,
  SavedAgentReply,
  SavedFlowReply,
  TranscriptMessage,
  Until,
  UsageReport,
  Wait,
  WaitKind,
} from '@fermata/protocol';
