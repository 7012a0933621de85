import { CLIENT_REQUIREMENTS } from './requirements-client.ts';

/** What the Runtype face promises, by section of Runtype's wire. */
export const REQUIREMENTS: Readonly<Record<string, string>> = {
  'http.errors': 'errors are {error, details?}, an unknown path is 404, another method 405',
  'http.cors': 'a preflight is 204 with the headers that widgets send, and replies vary by Origin',
  ...CLIENT_REQUIREMENTS,
};
