/** What the Runtype face promises to pages without a key, of saved agents and flows, and of what executions did. */
export const CLIENT_REQUIREMENTS: Readonly<Record<string, string>> = {
  'executions.list': 'executions of an agent come newest first, by cursor, with a count when asked for',
  'executions.filters': 'executions are found by status, face, time, parent and id',
  'executions.detail':
    'an execution shows its messages, output, model calls and limits, whatever agent is named',
  'executions.tool-calls': 'tool calls come with status, time and model; one alone with arguments and result',
  'executions.strangers': 'what is another organization’s, or no execution at all, is 404',
  'client.init': 'a page begins a session with its token alone, and is told whom it talks to and how to look',
  'client.init-refusals':
    'an unknown or revoked token is 401; an inactive one, a wrong origin and another target are 403',
  'client.cors': 'pages of a token may read the replies, whatever origins the operator has named for keys',
  'client.feedback': 'feedback is one of each type and message in a session: 201, then 200 in its place',
  'client.feedback-refusals': 'feedback without what its type needs is 400, without a session 404',
  'client.chat':
    'a page talks to the target of its token alone, and its runs tell which session has started them',
  'client.chat-session':
    'an unknown, expired or revoked session is 401, an inactive token and a wrong origin 403',
  'client.chat-body':
    'a page cannot speak for the operator, choose another target or model, or bring secrets',
  'client.fingerprint':
    'tools are sent once; a fingerprint that the session has not is 409 once, [] replaces, absence keeps',
  'client.limit': 'beyond the messages of a day the page is told when to come back: 429 with a hint',
  'client.tools-limit':
    'more than 128 KiB of page tools is 413, before anything is counted, kept or compiled',
  'client.own-tools':
    'the tools of a page stand beside those of the token’s target, and replace none, in agents and in flows',
  'client.flow-loop': 'a flow that calls itself is told so by the error of its call, and starts no run',
  'client.inputs': 'a page sets variables, but none of the record or of the server',
  'client.feedback-limits':
    'feedback has at most 4 KiB of metadata, 32 KiB as a whole and 200 of one session: 400, 413, 429',
  'client.limit-first': 'beyond the messages of a day the tools of a page are neither compiled nor kept',
  'client.resume': 'outputs of page tools go on with the execution, also from another session of the token',
  'client.resume-refusals': 'what a session of this token has not started is 404, whatever is sent',
  'client.events': 'a page takes up a stream of its conversation again after its last frame',
  'client.approve':
    'a page of a live session decides; of two that decide at once one wins, and the other is told: 409',
  'client.approve-by-agent':
    'without a key an approval needs an origin of the token, a live session and a run of a page: else 401',
  'client.approve-forbidden': 'what the agent wants decided by others is not for visitors: 403',
  'agents.crud': 'a saved agent is read as it was written, changed by deep merge, listed and deleted',
  'agents.dispatch': 'a saved agent does as its configuration says, with the placeholders of each dispatch',
  'agents.refusals': 'what no run of a saved agent could do is refused when it is saved',
  'agents.native': 'an agent of the native API is shown here, and changes of either are seen by the other',
  'flows.crud': 'a saved flow is read as it was written, changed, listed and deleted',
  'flows.dispatch': 'a saved flow is dispatched by its id, also by the page of a client token',
  'flows.refusals':
    'steps that no dispatch could carry out, or that do not parse, are refused when they are saved',
  'flows.native': 'a flow of the native API is shown by its steps, and keeps those that are not replaced',
  'widget.tools':
    'the widget’s own client talks with a client token, resumes, and sends its tools once more when it is asked to',
  'widget.approval': 'the widget’s own client approves without a key, and gives feedback',
};
