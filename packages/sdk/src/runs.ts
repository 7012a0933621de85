import type {
  AddNoteReply,
  AnswerCallReply,
  ChangedReply,
  ListEventsQuery,
  ListMessagesQuery,
  ListReceiptKeysReply,
  ListRunsQuery,
  Preview,
  PreviewReply,
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
import { listOf } from './list-of.ts';
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
  /** What a resume with this body would bring about. Nothing is changed; refusals are those of `resume`. */
  previewResume(runId: string, body?: ResumeRun, options?: CallOptions): Promise<Preview>;
  cancel(runId: string, body?: CancelRun, options?: CallOptions): Promise<ChangedReply>;
  retry(runId: string, body?: RetryRun, options?: CallOptions): Promise<ChangedReply>;
  fork(runId: string, body?: ForkRun, options?: CallOptions): Promise<Run>;
  addNote(runId: string, body: AddNote, options?: CallOptions): Promise<AddNoteReply>;
  sendMessage(runId: string, body: SendMessage, options?: CallOptions): Promise<SendMessageReply>;
  /** What this message would bring about; nothing is changed. */
  previewMessage(runId: string, body: SendMessage, options?: CallOptions): Promise<Preview>;
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
  /** What this answer would bring about; nothing is changed. */
  previewAnswerCall(runId: string, callId: string, body: Answer, options?: CallOptions): Promise<Preview>;
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

/** The query that asks a command what it would do. */
export const DRY_RUN = { dryRun: true } as const;

export function runsApi(transport: Transport): RunsApi {
  const { json } = transport;
  const at = (runId: string, rest = ''): string => `/runs/${encodeURIComponent(runId)}${rest}`;
  const command =
    <B, R>(name: string) =>
    (runId: string, body?: B, options?: CallOptions): Promise<R> =>
      json({ ...options, method: 'POST', path: at(runId, `/${name}`), body: body ?? {} });
  const preview = async (path: string, body: unknown, options?: CallOptions): Promise<Preview> =>
    (await json<PreviewReply>({ ...options, method: 'POST', path, body, query: DRY_RUN })).preview;

  return {
    start: (body, options) => json({ ...options, method: 'POST', path: '/runs', body }),
    startStream: (body, options) => startStream(transport, body, options),
    list: listOf(json, '/runs'),
    get: (runId, options) => json({ ...options, method: 'GET', path: at(runId) }),
    update: (runId, body, options) => json({ ...options, method: 'PATCH', path: at(runId), body }),
    report: command('report'),
    pause: command('pause'),
    resume: command('resume'),
    previewResume: (runId, body, options) => preview(at(runId, '/resume'), body ?? {}, options),
    cancel: command('cancel'),
    retry: command('retry'),
    fork: command('fork'),
    addNote: command('notes'),
    sendMessage: command('messages'),
    previewMessage: (runId, body, options) => preview(at(runId, '/messages'), body, options),
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
    previewAnswerCall: (runId, callId, body, options) =>
      preview(at(runId, `/calls/${encodeURIComponent(callId)}/answer`), body, options),
    getBlob: (runId, digest, options) =>
      transport.bytes({ ...options, method: 'GET', path: at(runId, `/blobs/${encodeURIComponent(digest)}`) }),
    getReceipts: (runId, options) => json({ ...options, method: 'GET', path: at(runId, '/receipts') }),
    listReceiptKeys: (options) => json({ ...options, method: 'GET', path: '/receipts/keys' }),
  };
}
