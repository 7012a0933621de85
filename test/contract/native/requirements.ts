/** What the native API promises, one observable behaviour each. `source` is where the promise stands. */
export interface Requirement {
  source: string;
  behaviour: string;
}

function from(source: string, behaviours: Record<string, string>): Record<string, Requirement> {
  return Object.fromEntries(Object.entries(behaviours).map(([id, behaviour]) => [id, { source, behaviour }]));
}

export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  ...from('native API: startRun', {
    'start.minimal': '{"input": "hello"} is a full request; 201 with the run and its Location',
    'start.inline-agent': 'an agent may be given inline, with model, instructions, tools and limits',
    'start.flow':
      'a flow may be given inline or named by its id; the run keeps it with its version and the agents of its steps',
    'start.flow-model': 'model and script of the request count for every agent step of a flow',
    'start.flow-refused':
      'a flow that is not there, has a step that cannot work, or stands beside agent, tools or mode external is refused',
    'start.saved-agent': 'an agent may be named by its id; the run keeps the version it started with',
    'start.key': 'a second start with the same key answers 200 with the run that has it',
    'start.stream':
      'with Accept: text/event-stream, 201 with Location and Fermata-Run-Id, then its events until parked',
    'start.start-at': 'startAt keeps the run queued until then',
    'start.secrets-write-only': 'secrets are never shown again',
    'start.fields': 'title, metadata, limits, kind, origin, createdBy and all other members of Run are shown',
  }),
  ...from('native API: runs', {
    'run.get': 'getRun shows the run; its number is unique and increases',
    'run.update': 'updateRun changes title, metadata, limits and sealed by merge patch (RFC 7396)',
    'run.pause': 'pauseRun places a hold and answers {run, changed}',
    'run.resume': 'resumeRun releases holds, records answers, sends messages, and answers {run, changed}',
    'run.resume-open-waits': 'a resume of a run that still waits lists its open waits',
    'run.resume-dry-run':
      'resumeRun, sendMessage and answers with dryRun answer {preview} and change nothing, for the same roles',
    'run.cancel': 'cancelRun ends the run and answers {run, changed}',
    'run.retry': 'retryRun reopens a failed run',
    'run.report': 'reportRun reports an external run, or ends a managed one',
    'run.message': 'sendMessage answers {run, changed, message {id, seq}}',
    'run.messages': 'listMessages is the folded transcript with calls and their state',
    'run.fork': 'forkRun answers 201 with a new run that names its original',
    'run.note': 'addNote logs an event of the client’s own',
    'run.blob': 'getBlob gives the bytes of an image with its media type, never as a page',
    'run.plan': 'getPlan shows the steps of the run in their order, also of a fork',
    'run.note-key': 'a note under a key that was used is answered with the note of then',
  }),
  ...from('native API: missions', {
    'mission.crud': 'missions are created, read, listed, changed by merge patch and deleted',
    'mission.agent':
      'a run of a mission takes its mode, and, managed, its instructions and model, unless it says else',
    'mission.unknown': 'a run of a mission that is not there is refused',
    'mission.unassigned': 'runs without a mission stand under one that cannot be changed or deleted',
  }),
  ...from('design: sessions and schedules', {
    'sessions.history':
      'a run begins with the texts of its session, kept in its log; a deleted session begins anew',
    'sessions.last-twenty': 'at most the last 20 texts are taken over, and none by external runs',
    'sessions.crud': 'sessions are created, found, listed with their runs and usage, changed and deleted',
    'schedules.crud': 'schedules are created, listed, changed, paused, resumed and deleted',
    'schedules.refusals': 'what cannot be a schedule is refused with the place of the fault',
    'schedules.fire': 'a schedule that is due starts one run, named by schedule and time',
  }),
  ...from('native API: client tokens', {
    'client-tokens.crud': 'client tokens are created, listed, read, changed and revoked, by admins alone',
    'client-tokens.secret': 'a client token is shown once, and only its SHA-256 is kept',
    'client-tokens.refusals': 'what is no origin, or names no agent, is 422 with its path',
  }),
  ...from('native API: waits', {
    'wait.get': 'getWait shows the exact arguments, their digest and the schema of the answer',
    'wait.answer-approval': 'an approval takes decision and digest',
    'wait.answer-output': 'a tool_output takes output or error',
    'wait.answer-input': 'an input takes a value that fits its schema',
    'wait.answer-timer': 'a timer takes outcome fire',
    'wait.answer-in-doubt': 'an in_doubt takes outcome done, retry or skip',
    'wait.answer-call': 'answerCall answers by the id of the call',
    'wait.wrong-members': 'members of another kind of wait are refused with their path',
    'wait.policy':
      'an approval shows the rule that asks for it, who may decide, and the schema of edited arguments',
    'wait.edited-args':
      'edited arguments replace all of the model’s; the record names the digest seen and the digest executed',
    'wait.ladder':
      'a deadline ladder notifies, assigns and decides in its order; the record names the deadline',
    'wait.snooze': 'snoozeWait sets snoozedUntil',
    'wait.assign': 'assignWait sets and clears the assignee',
  }),
  ...from('native API: answerWait, what is refused', {
    'answer.viewer': 'an answer by a viewer is 403',
    'answer.stranger': 'an answer by another organization is 404',
    'answer.approver': 'an answer by somebody whom the tool does not name is 403',
    'answer.wrong-digest': 'another digest is 409 digest_mismatch with the current one',
    'answer.digest-policy':
      'a missing digest is 422 digest_required, but for the roles that the server’s policy names',
    'answer.schema': 'a value that fails the schema is 422 with the path',
    'answer.edited-schema':
      'edited arguments that break the schema of the tool are 422 with the path, by wait and by call',
    'answer.too-large': 'an answer of 2 MB is 422 or 413, and says how much is allowed',
    'answer.unknown-wait': 'an unknown wait or call is 404',
    'answer.cancelled-run': 'a wait of a cancelled run is 409 wait_closed with who cancelled it',
    'answer.nothing-changed': 'a refused answer leaves the log as it was',
    'answer.bad-ladder':
      'a deadline step that does nothing or decides what no wait asks is 422 with its path',
  }),
  ...from('native API: receipts', {
    'receipts.get': 'getReceipts gives the decisions of a run, hash-chained and signed',
    'receipts.content': 'a receipt has actor, role, reason, policy, digest seen and digest executed',
    'receipts.tampered': 'a log that was changed behind the server’s back is seen by every verifier',
    'receipts.fork': 'a fork begins a new chain that names the head of the old one',
    'receipts.keys': 'listReceiptKeys lists the public key of every process',
  }),
  ...from('native API: events', {
    'events.page': 'listEvents pages by seq: after, before, order, types, limit (200, at most 1,000)',
    'events.sse': 'as a stream: id is the seq, event the type, data the event',
    'events.sse-cursor':
      'a stream goes on after Last-Event-ID or after, from every seq, with the same frames, at any server',
    'events.sse-last-event-id-wins': 'Last-Event-ID goes before after',
    'events.sse-until': 'until=parked and until=finished end the stream with stream.end and the reason',
    'events.sse-types': 'a stream of some types has only these, and ends all the same',
    'events.sse-heartbeat': 'a comment comes every 10 s',
    'events.sse-page-members': 'before, order and limit are not for a stream: 422',
    'events.sse-live': 'events arrive while the run goes on, also at the server that does not drive it',
    'events.changes': 'watchChanges streams {runId, status, head, openWaits} of the own organization',
  }),
  ...from('native API: lists', {
    'list.page': 'limit is 20, at most 100; nextCursor leads to every item once and is null at the end',
    'list.runs-newest-first': 'runs come newest first',
    'list.runs-filters':
      'listRuns filters by status, kind, agent, origin, hold, errorCode, createdBy, key, metadata, time and text',
    'list.waits-oldest-first': 'waits come oldest first, the open ones unless told',
    'list.waits-filters':
      'listWaits filters by run, kind, state, assignee, tool, olderThan and deadlineBefore',
    'list.bad-query': 'an unknown parameter, a bad limit or a bad cursor is 422 with its path',
  }),
  ...from('native API: jobs (bulk)', {
    'jobs.filter':
      'createJob gives the runs that match the filters of listRuns a command, once each, and answers 202 with the job',
    'jobs.ids': 'createJob takes ids; one that refuses, or names nothing, has failed with its error',
    'jobs.actions': 'pause, resume, cancel and retry; a hold may be named for the first two',
    'jobs.dry-run': 'dryRun says for which runs the job would be made, and writes nothing',
    'jobs.progress': 'getJob counts total, done, changed, skipped and failed, also as a stream that ends',
    'jobs.list': 'listJobs shows jobs, newest first, by status and action',
    'jobs.cancel': 'cancelJob leaves what is done and does no more; again it changes nothing',
    'jobs.rate': 'ratePerSecond is kept',
    'jobs.stop-on-errors': 'stopOnErrorShare stops a job when too many runs have refused',
    'jobs.bad-request': 'neither or both of filter and ids, or a hold where none belongs, is 422',
    'jobs.actor': 'the commands of a job are logged with whoever made it, its reason and its id',
  }),
  ...from('native API: inbox', {
    'inbox.items': 'listInbox shows open approvals, questions and doubts, and held runs, each with its run',
    'inbox.order': 'the oldest first, or the next deadline first, page by page',
    'inbox.filters': 'listInbox filters by kind, hold, assignee, agent, olderThan and deadlineBefore',
    'inbox.snoozed': 'what is snoozed is hidden unless asked for, until its time has come',
    'inbox.counts': 'getInboxCounts counts by kind, hold and assignee',
    'inbox.client-tools': 'results of client tools are shown only when asked for',
    'waits.history':
      'decided waits are listed by agent, by who decided and since when, newest first on request',
  }),
  ...from('native API: usage; design 6: limits', {
    'usage.report': 'getUsage sums turns, calls, tokens and cost by day, model and agent',
    'usage.bad-range': 'days that are none, or in the wrong order, are 422',
    'prices.cost': 'costUsd comes from the price table; it is null without a price',
    'prices.max-cost':
      'a run with maxCostUsd is not started with a model without a price: 409 not_configured',
    'limits.max-cost': 'maxCostUsd holds the run when its cost is reached',
    'limits.daily': 'a daily limit of the organization holds its runs before the next step, and says so',
    'limits.daily-fail': 'with onLimit fail the run fails budget_exhausted',
    'limits.daily-resume':
      'a resume is 409 budget_exhausted until the limit is raised; the run’s own limits do not help',
    'limits.organization': 'everybody may see the limits, an admin may change them, null removes one',
  }),
  ...from('design 3: which hold', {
    'holds.default-release': 'a resume without a name releases operator, provider and budget, and no other',
    'holds.named-release': 'a named hold is released alone, also policy and parent and the caller’s own',
    'holds.set': 'a run has a set of holds: one of a name, and goes on when the last is released',
    'holds.budget-grant':
      'releasing budget grants the exhausted limit’s first amount again, or takes the limits given',
    'holds.seal': 'a sealed run refuses retry, messages and reopening, and may still be paused and resumed',
    'holds.retry': 'retry does the failed step of a failed run again, and is refused for every other',
  }),
  ...from('native API: agents, principals, keys, me', {
    'me.get': 'getMe shows principal, key, organization and server',
    'agents.crud': 'agents are created, read, listed, changed into a new version, and deleted',
    'flows.crud': 'flows are created, read, listed, changed into a new version, and deleted',
    'flows.checked':
      'steps that cannot work are 422 with their path: ids used twice, too many, too deep, texts that do not parse',
    'principals.crud': 'principals are created, read, listed and changed; a disabled one’s keys stop working',
    'keys.crud': 'a key’s secret is shown once; a revoked or expired one stops working',
    'keys.last-admin': 'the last admin cannot be locked out',
  }),
  ...from('design 8: roles', {
    'roles.checked-first':
      'every operation refuses a key of a lesser role with 403, before anything is looked up',
    'roles.includes': 'each role includes the one before',
    'auth.required': 'every operation refuses a request without a valid key with 401 and WWW-Authenticate',
    'auth.headers': 'Authorization: Bearer and X-API-Key are the same',
    'tenancy.404': 'everything of another organization is 404 on every operation, and in no list',
  }),
  ...from('native API: errors', {
    'error.form': 'every error is problem+json with type, title, status, detail, instance, code, retryable',
    'error.malformed_json': 'a body that is no JSON is 400 malformed_json, on every operation',
    'error.invalid_request': 'a wrong type is 422 with the path, on every operation',
    'error.unknown-member': 'an unknown member is 422 with its path, on every operation',
    'error.payload_too_large': 'a body that is too large, or has too many values, is 413, on every operation',
    'error.too-deep': 'a body nested too deeply is 422, on every operation',
    'error.unsupported_media_type': 'a body of another content type is 415, on every operation',
    'error.not_found': 'an unknown id is 404, on every operation',
    'error.method_not_allowed': 'another method is 405 with Allow, on every path',
    'error.invalid_transition': 'a command that the status does not allow is 409 with currentStatus',
    'error.held': 'a resume that leaves other holds is 409 held with them',
    'error.sealed': 'a sealed run refuses messages: 409 sealed',
    'error.waits_open': 'a message to a run that waits is 409 waits_open with the waits',
    'error.wait_closed': 'a late answer is 409 wait_closed with the winner',
    'error.digest_required': 'an approval without the digest is 422 digest_required with the current one',
    'error.digest_mismatch': 'an approval of another digest is 409 digest_mismatch with the current one',
    'error.not_supported': 'what is not there yet is 501 not_supported',
    'error.cursor_ahead': 'a cursor ahead of the log is 409 cursor_ahead',
    'error.unknown-model': 'an unknown model fails the run with provider_not_configured before any turn',
    'error.unknown-tool': 'a call of a tool that is not there fails with a clear code',
    'error.bad-tool-schema': 'a tool schema that is no JSON Schema is 422 with its path',
    'error.answer-schema': 'an answer that fails the wait’s schema is 422 with the path',
    'error.text-made-storable': 'U+0000 and lone surrogates become U+FFFD, wherever they come from',
    'error.no-internals': 'no input makes a 500, and no error shows the inside',
  }),
  ...from('design 8: Idempotency-Key', {
    'idempotency.replay': 'the same key and body replays the stored reply with Idempotency-Replayed: true',
    'idempotency.conflict': 'the same key with another body is 422 idempotency_conflict',
    'idempotency.in-flight': 'a twin that does not get its turn is 409 idempotency_in_flight',
    'idempotency.every-mutation': 'every POST and PATCH of the document takes the key',
    'idempotency.secret': 'a replayed creation of a key has secret: null',
    'idempotency.bad-key': 'a key that is too long is 422',
  }),
  ...from('native API: shape', {
    'openapi.served':
      '/openapi/native.json is the committed document, valid OpenAPI 3.1, everything described',
    'openapi.every-operation': 'every operation answers as the document says',
    'shape.prefixes': 'the API is the same under /v1 and /native/v1',
    'shape.nulls':
      'absent optional values are null; times are RFC 3339 UTC with milliseconds; ids have their prefixes',
    'shape.empty-body': 'an empty body is no body, whatever its content type',
    'service.pages': '/, /docs, /docs/errors, /healthz, /readyz and /metrics answer without a key',
  }),
};
