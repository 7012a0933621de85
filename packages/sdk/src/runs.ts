import type {
  AddNoteReply,
  AnswerCallReply,
  ChangedReply,
  ListEventsQuery,
  ListMessagesQuery,
  ListReceiptKeysReply,
  ListRunsQuery,
  Receipts,
  Run,
  RunEvent,
  SendMessageReply,
  TranscriptMessage,
  addNoteBodySchema,
  answerBodySchema,
  cancelRunBodySchema,
  forkRunBodySchema,
  pauseRunBodySchema,
  reportRunBodySchema,
  resumeRunBodySchema,
  retryRunBodySchema,
  sendMessageBodySchema,
  updateRunBodySchema,
} from '@fermata/protocol';
import { pagedList, type PagedList } from './pages.ts';
import type { InputOf } from './request-body.ts';
import { startStream, type StartedStream, type StartRun, type StartStreamOptions } from './start-stream.ts';
import type { CallOptions, Transport } from './transport.ts';
import { watchRun, type WatchOptions } from './watch-run.ts';

export type UpdateRun = InputOf<typeof updateRunBodySchema>;
export type ReportRun = InputOf<typeof reportRunBodySchema>;
export type PauseRun = InputOf<typeof pauseRunBodySchema>;
export type ResumeRun = InputOf<typeof resumeRunBodySchema>;
export type CancelRun = InputOf<typeof cancelRunBodySchema>;
export type RetryRun = InputOf<typeof retryRunBodySchema>;
export type ForkRun = InputOf<typeof forkRunBodySchema>;
export type AddNote = InputOf<typeof addNoteBodySchema>;
export type SendMessage = InputOf<typeof sendMessageBodySchema>;
export type Answer = InputOf<typeof answerBodySchema>;

/** Operations on runs. */
export interface RunsApi {
  /** `{input: 'hello'}` is enough. */
  start(body: StartRun, options?: CallOptions): Promise<Run>;
  /** Starts a run and streams it from its first event; goes on after a cut like `watch`. */
  startStream(body: StartRun, options?: StartStreamOptions): Promise<StartedStream>;
  /** Newest first. */
  list(query?: ListRunsQuery, options?: CallOptions): PagedList<Run>;
  get(runId: string, options?: CallOptions): Promise<Run>;
  update(runId: string, body: UpdateRun, options?: CallOptions): Promise<ChangedReply>;
  report(runId: string, body: ReportRun, options?: CallOptions): Promise<ChangedReply>;
  pause(runId: string, body?: PauseRun, options?: CallOptions): Promise<ChangedReply>;
  resume(runId: string, body?: ResumeRun, options?: CallOptions): Promise<ChangedReply>;
  cancel(runId: string, body?: CancelRun, options?: CallOptions): Promise<ChangedReply>;
  retry(runId: string, body?: RetryRun, options?: CallOptions): Promise<ChangedReply>;
  fork(runId: string, body?: ForkRun, options?: CallOptions): Promise<Run>;
  addNote(runId: string, body: AddNote, options?: CallOptions): Promise<AddNoteReply>;
  sendMessage(runId: string, body: SendMessage, options?: CallOptions): Promise<SendMessageReply>;
  /** The conversation, oldest first. */
  listMessages(runId: string, query?: ListMessagesQuery, options?: CallOptions): PagedList<TranscriptMessage>;
  /** The log as it is now; `watch` also waits for what comes. */
  listEvents(
    runId: string,
    query?: Omit<ListEventsQuery, 'until'>,
    options?: CallOptions,
  ): PagedList<RunEvent>;
  /** The log, and what comes, across every cut and restart. */
  watch(runId: string, options?: WatchOptions): AsyncGenerator<RunEvent, void, void>;
  /** By the id of the tool call; may come before its wait opens (`wait` is then null). */
  answerCall(runId: string, callId: string, body: Answer, options?: CallOptions): Promise<AnswerCallReply>;
  /** The bytes that a `blob:sha256-<hex>` URL of the log stands for. */
  getBlob(
    runId: string,
    digest: string,
    options?: CallOptions,
  ): Promise<{ bytes: Uint8Array; mediaType: string }>;
  /** The decisions of a run, hash-chained and signed; `fermata receipts verify` checks them offline. */
  getReceipts(runId: string, options?: CallOptions): Promise<Receipts>;
  /** The public keys of the servers that sign receipts. */
  listReceiptKeys(options?: CallOptions): Promise<ListReceiptKeysReply>;
}

export function runsApi(transport: Transport): RunsApi {
  const { json } = transport;
  const at = (runId: string, rest = ''): string => `/runs/${encodeURIComponent(runId)}${rest}`;
  const command =
    <B, R>(name: string) =>
    (runId: string, body?: B, options?: CallOptions): Promise<R> =>
      json({ ...options, method: 'POST', path: at(runId, `/${name}`), body: body ?? {} });

  return {
    start: (body, options) => json({ ...options, method: 'POST', path: '/runs', body }),
    startStream: (body, options) => startStream(transport, body, options),
    list: (query = {}, options) =>
      pagedList(
        (cursor: string | undefined) =>
          json({
            ...options,
            method: 'GET',
            path: '/runs',
            query: { ...query, cursor: cursor ?? query.cursor },
          }),
        (cursor) => cursor,
      ),
    get: (runId, options) => json({ ...options, method: 'GET', path: at(runId) }),
    update: (runId, body, options) => json({ ...options, method: 'PATCH', path: at(runId), body }),
    report: command('report'),
    pause: command('pause'),
    resume: command('resume'),
    cancel: command('cancel'),
    retry: command('retry'),
    fork: command('fork'),
    addNote: command('notes'),
    sendMessage: command('messages'),
    listMessages: (runId, query = {}, options) =>
      pagedList(
        (after: number | undefined) =>
          json({
            ...options,
            method: 'GET',
            path: at(runId, '/messages'),
            query: { ...query, after: after ?? query.after },
          }),
        Number,
      ),
    listEvents: (runId, query = {}, options) =>
      pagedList((seq: number | undefined) => {
        const from = seq === undefined ? {} : query.order === 'desc' ? { before: seq } : { after: seq };
        return json({ ...options, method: 'GET', path: at(runId, '/events'), query: { ...query, ...from } });
      }, Number),
    watch: (runId, options = {}) => watchRun(transport, runId, options),
    answerCall: (runId, callId, body, options) =>
      json({
        ...options,
        method: 'POST',
        path: at(runId, `/calls/${encodeURIComponent(callId)}/answer`),
        body,
      }),
    getBlob: (runId, digest, options) =>
      transport.bytes({ ...options, method: 'GET', path: at(runId, `/blobs/${encodeURIComponent(digest)}`) }),
    getReceipts: (runId, options) => json({ ...options, method: 'GET', path: at(runId, '/receipts') }),
    listReceiptKeys: (options) => json({ ...options, method: 'GET', path: '/receipts/keys' }),
  };
}
