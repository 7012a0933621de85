import type { Config } from './config.ts';

/** The server cannot listen where it is told to. The message is for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor({ server }: Config, cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    const why = code === 'EADDRINUSE' ? 'another program uses it' : code;
    super(
      `Cannot listen on ${server.host}, port ${server.port}: ${why}. Set PORT or HOST to choose another.`,
      { cause },
    );
  }
}
