import { RuntypeError } from './errors.ts';

/** What this server does not do, with what it does instead: refused before anything has run. */
export function notSupported(path: string, message: string, supported: string): RuntypeError {
  const suggestion = `Supported: ${supported}`;
  return new RuntypeError('not_supported', `${path}: ${message}. ${suggestion}`, {
    details: [{ path, message, code: 'not_supported', suggestion }],
  });
}
