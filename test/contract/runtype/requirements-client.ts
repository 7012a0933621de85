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
};
