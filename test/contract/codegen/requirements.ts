/** What the Codegen face promises, one observable behaviour each. `source` is where the promise stands. */
export interface Requirement {
  source: string;
  behaviour: string;
}

function from(source: string, behaviours: Record<string, string>): Record<string, Requirement> {
  return Object.fromEntries(Object.entries(behaviours).map(([id, behaviour]) => [id, { source, behaviour }]));
}

export const REQUIREMENTS: Readonly<Record<string, Requirement>> = {
  ...from('wire 3.1, 5.1: create, get, list', {
    'create.prompt': 'a prompt alone creates a run; 200 with numbers, strings, [] and never null for status',
    'create.fields': 'metadata is echoed, repo_id and agent_type are kept and shown, the model is used',
    'create.images': 'images reach the model with the prompt, by the type of their content',
    'create.lax': 'text of integers, 12.0, null for what is optional and unknown members are taken',
    'create.long-prompt': 'a prompt that is longer than an event reaches the model',
    'create.attribution': 'source_type is API, and the run is found by user_id of users/me',
    'get.run': 'a run is read by its number, and by the UUID of other faces',
    'get.result': 'result is the final answer as text, null until the run has ended',
    'get.summary': 'summary is what a client set, else the title, else null',
    'get.statuses': 'every status is one of the eleven, failures by their code',
    'list.page': 'runs come newest first, with total, page, size and pages',
    'list.filters': 'user_id and source_type are applied; unknown query members are ignored',
  }),
  ...from('wire 5.2, 10: resume', {
    'resume.paused': 'a paused run goes on with the prompt as a new turn of the user after the history',
    'resume.waiting': 'what a waiting run waits for is superseded by the prompt',
    'resume.running': 'a running run takes the prompt in at its next turn boundary',
    'resume.queued': 'a queued run takes the prompt along',
    'resume.ended': 'a run that has ended is reopened with its whole history, and its result is null again',
    'resume.external': 'a run that a client drives is resumed too',
    'resume.images': 'images of a resume reach the model',
    'resume.model': 'a model of a resume is used from then on',
    'resume.blank': 'a blank prompt without images only releases; a waiting or ended run stays as it is',
    'resume.banned': 'a banned run refuses: 403',
    'resume.held': 'a hold of another name stays on: 403 when it is the only one, PAUSED beside others',
    'resume.in-doubt': 'a call in doubt keeps the run PAUSED, and the prompt is kept',
    'resume.aliases': 'the beta path and the path with the number are the same',
    'resume.kind': 'a setup-commands run is resumed by its own routine, whoever asks',
    'resume.at-once': 'prompts that come at once are all taken in',
    'resume.idempotency': 'the same Idempotency-Key again appends no second turn',
  }),
  ...from('wire 5.3: ban, stop', {
    'ban.running':
      'ban cancels a run that has not ended and seals it; the reply satisfies every known parser',
    'ban.ended': 'ban of an ended run keeps its status; asking twice is asking once',
    'ban.unban': 'unban lets the run be resumed again',
    'stop.run': 'stop cancels; an ended run stays as it is',
  }),
  ...from('wire 4.3, 4.4, 5.4: logs', {
    'logs.entries':
      'entries have all fields; the first is the user’s input, actions have tool, input and output',
    'logs.pages': 'skip, limit, reverse and total_logs page through every entry once',
    'logs.paths': 'the alpha path and the other one answer the same',
    'logs.failed': 'failures and cancels are entries of type ERROR',
  }),
  ...from('wire 3.2–3.6: the other operations', {
    'users.me': 'users/me is the user of the key, users and user show them; an unknown user is 404',
    'organizations.list':
      'organizations lists the one of the key, with settings; page and size count where skip and limit are absent',
    'models.list': 'models has providers and the default model',
    'rules.get': 'cli/rules answers',
    'repos.list': 'repos and repositories are empty pages',
    'check-suite.settings': 'check suite settings have defaults, are kept and merged',
    'prs.edit': 'an edit of a pull request says success false',
    'setup.generate': 'setup-commands/generate starts a run of its own kind with its own result',
    'sandbox.analyze': 'analyze-logs says that there are none',
    'integrations.list': 'integrations, MCP providers and tokens are empty lists; revoke says success false',
    'slack.token': 'slack-connect answers without a token',
    'tools.list': 'tools are empty, tools/execute says success false',
    'sessions.cli': 'a session of the CLI is one run per session_id, reported and logged',
    'links.redirect': 'links to a run lead to its page',
  }),
  ...from('wire 2: errors', {
    'error.form': 'every error has message, status_code and the same text as detail',
    'error.401': 'a request without a valid key is 401 on every operation',
    'error.organization': 'another organization is 403, whether it exists or not, on every operation',
    'error.role': 'a key of a lesser role is 403, before anything is looked up',
    'error.not-found': 'an unknown run, and one of another organization, is 404',
    'error.unknown-path': 'an unknown path is 404, another method 405',
    'error.validation': 'a request that is not valid is 422 with loc, msg and type in the words of pydantic',
    'error.word': 'a GET of agent/run/resume is 422',
    'error.json': 'a body that is no JSON, none, or no object is 422',
    'error.images':
      'images that are no base64 data URIs, or no images, are 422; more than 25 MB together 413',
    'error.no-internals': 'no input makes a 500',
    'error.503': 'a server that stops answers 503 with Retry-After',
  }),
  ...from('wire 5.5: rate limits', {
    'rate.documented':
      'the documented rates are kept per key and operation, by all servers together, with Retry-After',
    'rate.aliases': 'aliases share the rate of their operation',
    'rate.exempt': 'a key may be exempted, and the limits switched off',
  }),
  ...from('wire 3.5, 10: webhooks', {
    'webhook.config': 'the webhook is set, shown without its secret, and deleted; admins only',
    'webhook.delivery': 'events of ended and waiting runs are delivered, signed, with the run under data',
    'webhook.run': 'webhooks of a run stand in place of the organization’s, on create and on resume',
    'webhook.retry': 'a delivery that fails is tried again under the same id, one row per attempt',
    'webhook.test': 'test sends one request and tells what came of it',
    'webhook.private': 'private addresses are not reached',
  }),
  ...from('wire 1, design 8: shape', {
    'shape.slashes': 'repeated and trailing slashes are folded',
    'shape.cors': 'pages of every origin may call, without credentials',
    'shape.root': 'with --root codegen the face answers at / too, with its own errors',
    'shape.openapi': 'openapi/codegen.json is the committed document, and every operation answers as it says',
    'shape.cross-face': 'the same run is seen natively: status, messages and events',
  }),
  ...from('wire 6: the official clients', {
    'client.python': 'the Python SDK creates and refreshes a run, and maps errors',
    'client.cli': 'the requests of the CLI and the TUI answer what these read',
  }),
};
