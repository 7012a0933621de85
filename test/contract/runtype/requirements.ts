import { CLIENT_REQUIREMENTS } from './requirements-client.ts';

/** What the Runtype face promises, by section of Runtype's wire. */
export const REQUIREMENTS: Readonly<Record<string, string>> = {
  'http.errors': 'errors are {error, details?}, an unknown path is 404, another method 405',
  'http.cors': 'a preflight is 204 with the headers that widgets send, and replies vary by Origin',
  'stream.text': 'text comes in the canonical order, with ids and seqs that belong together',
  'stream.local-tool': 'a tool of the page ends the answer with an await, and its output goes on',
  'stream.approval': 'an approval ends the answer, and its decision goes on with the call',
  'resume.keys':
    'outputs are taken by call id, by webmcp:<name> and by tool name; null and 0 are outputs, and what nobody asked for is dropped',
  'resume.names': 'a name means the first open call of its tool',
  'resume.partial': 'what is given is kept, the rest is awaited again, and messages wait for it',
  'resume.repeat': 'a repeat changes nothing, and an output that comes too late is ignored',
  'resume.finished': 'a resume of what has ended tells the end again',
  'resume.json': 'with streamResponse false the answer is JSON, paused or complete',
  'resume.continue': 'continue takes outputs too',
  'resume.race': 'of several resumes at once one wins, and all see what follows',
  'resume.hold': 'outputs release no hold, and a resume without outputs does',
  'resume.other-hold': 'a hold of somebody else stays, and messages are kept meanwhile',
  'resume.bad-input': 'what is no resume is refused with the words of the wire, and big outputs are stored',
  'approve.deny': 'a denied call is not made, and the model goes on',
  'approve.several': 'each of several approvals is decided by itself, and the last goes on',
  'approve.mixed': 'an await and an approval are answered in either order',
  'approve.twice': 'a second decision sees the first, calmly',
  'approve.timeout': 'an approval that nobody decides in time is told as timeout',
  'approve.json': 'continue takes decisions, and answers in JSON when asked',
  'approve.hold': 'a decision is recorded under a hold, and releases none',
  'approve.bad-input': 'an unknown decision, an empty id and an approval of another are refused',
  'dispatch.default':
    'a body of messages alone is answered by the default agent, and unknown members are ignored',
  'dispatch.messages': 'messages of every shape reach the run, files stored',
  'dispatch.agent':
    'an inline agent with its tools, limits, approvals and fallbacks reaches the run, its secrets nowhere',
  'dispatch.client-tools': 'tools of the page win over saved ones, under names that models take',
  'dispatch.mcp-secrets': 'credentials of MCP servers are secrets of the run',
  'dispatch.execute': 'a saved agent is run by its path',
  'dispatch.not-supported':
    'what nothing here could carry out is refused before anything has run, with what is supported',
  'dispatch.bad-input': 'bad requests are refused with error and details',
  'dispatch.idempotency': 'a repeated key streams the same run again, and another body is refused',
  'dispatch.mounts': 'the proxy’s paths work too',
  'events.replay': 'every frame is a place to go on from, at any time',
  'events.live': 'a stream that broke off goes on live',
  ...CLIENT_REQUIREMENTS,
};
