import { CLIENT_REQUIREMENTS } from './requirements-client.ts';

/** What the Runtype face promises, by section of Runtype's wire. */
export const REQUIREMENTS: Readonly<Record<string, string>> = {
  'http.errors': 'errors are {error, details?}, an unknown path is 404, another method 405',
  'http.cors': 'a preflight is 204 with the headers that widgets send, and replies vary by Origin',
  'stream.text': 'text comes in the canonical order, with ids and seqs that belong together',
  'stream.local-tool': 'a tool of the page ends the answer with an await, and its output goes on',
  'stream.approval': 'an approval ends the answer, and its decision goes on with the call',
  ...CLIENT_REQUIREMENTS,
};
