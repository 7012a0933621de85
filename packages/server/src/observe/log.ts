import { pino, stdSerializers, type DestinationStream, type Logger as PinoLogger } from 'pino';

/** Structured logs, one JSON object a line. Bind what concerns a part with `logger.child({part})`. */
export type Logger = PinoLogger;

export interface LogOptions {
  /** Least severe level that is logged; `silent` logs nothing. */
  level: string;
  /** Standard output unless given. */
  destination?: DestinationStream;
}

/** Wherever a credential may stand in what is logged; the value is replaced, so that a leak is still seen. */
const SECRET_PATHS = [
  'authorization',
  'apiKey',
  'password',
  'secret',
  'secrets',
  'token',
  'headers.authorization',
  'headers.cookie',
  'headers["x-api-key"]',
  'headers["proxy-authorization"]',
  'req.headers.authorization',
  'req.headers.cookie',
  'req.headers["x-api-key"]',
  'req.headers["proxy-authorization"]',
  'res.headers["set-cookie"]',
  '*.authorization',
  '*.apiKey',
  '*.password',
  '*.secret',
  '*.token',
];

/** The process's logger. Times are RFC 3339; `err` is serialised with its causes. */
export function createLogger(options: LogOptions): Logger {
  const settings = {
    level: options.level,
    base: { pid: process.pid },
    timestamp: (): string => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string): { level: string } => ({ level: label }) },
    redact: { paths: SECRET_PATHS, censor: '[redacted]' },
    serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
  };
  return options.destination === undefined ? pino(settings) : pino(settings, options.destination);
}
