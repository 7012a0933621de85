import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { buildConnector } from 'undici';
import { literalAddress, type AddressGuard } from './address-guard.ts';
import { OutgoingError, type OutgoingErrorCode } from './outgoing-error.ts';

const DNS_CODES = new Set([
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ENODATA',
  'ESERVFAIL',
  'EAI_NODATA',
  'EAI_NONAME',
]);
const UNREACHABLE_CODES = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENETDOWN',
  'ETIMEDOUT',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);

export interface GuardedConnector {
  connect: buildConnector.connector;
  /** True once a socket was handed over: from then on bytes may have left. */
  hasConnected(): boolean;
  /** Why no socket could be had, if so. */
  failure(): OutgoingError | null;
}

/** Resolves a name to all its addresses; tests inject one. */
export type Resolver = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export function systemResolver(
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
): void {
  dnsLookup(hostname, { all: true, verbatim: true }, callback);
}

/**
 * A connector for one request. The addresses are checked inside the very look-up whose result is connected to,
 * and the peer's once more when connected: a name that changes its address between check and use gains nothing.
 * It also tells failures before the first byte from those after it.
 */
export function createGuardedConnector(
  guard: AddressGuard,
  resolve: Resolver,
  connectTimeoutMs: number,
): GuardedConnector {
  let connected = false;
  let failure: OutgoingError | null = null;

  function connect(options: buildConnector.Options, callback: buildConnector.Callback): void {
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
    const isAllowed = guard.allowsHost(options.hostname, port);
    const literal = literalAddress(options.hostname);
    if (literal !== null && !isAllowed && !guard.allowsAddress(literal)) {
      fail(blocked(options.hostname), callback);
      return;
    }
    const lookup = guardedLookup(guard, resolve, isAllowed);
    const connector = buildConnector({ lookup, timeout: connectTimeoutMs, maxCachedSessions: 0, port });
    connector(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error !== null) {
        fail(connectError(error, options.hostname), callback);
      } else if (!isAllowed && !guard.allowsAddress(socket.remoteAddress ?? '')) {
        socket.destroy();
        fail(blocked(options.hostname), callback);
      } else {
        connected = true;
        callback(null, socket);
      }
    });
  }

  function fail(error: OutgoingError, callback: buildConnector.Callback): void {
    failure = error;
    callback(error, null);
  }

  return { connect, hasConnected: () => connected, failure: () => failure };
}

function guardedLookup(guard: AddressGuard, resolve: Resolver, isAllowed: boolean): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) {
        callback(error, []);
        return;
      }
      const usable = isAllowed ? addresses : addresses.filter((entry) => guard.allowsAddress(entry.address));
      const first = usable[0];
      if (first === undefined) callback(blocked(hostname), []);
      else if (options.all === true) callback(null, usable);
      else callback(null, first.address, first.family);
    });
  };
}

function blocked(hostname: string): OutgoingError {
  return new OutgoingError('blocked', `requests to ${hostname} are not allowed: it is not a public address`, {
    sent: false,
  });
}

function connectError(error: unknown, hostname: string): OutgoingError {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  if (inner instanceof OutgoingError) return inner;
  const code = errorCode(inner);
  return new OutgoingError(
    connectErrorKind(code),
    `cannot connect to ${hostname}: ${code ?? 'unknown error'}`,
    {
      sent: false,
      cause: error,
    },
  );
}

function connectErrorKind(code: string | null): OutgoingErrorCode {
  if (code !== null && DNS_CODES.has(code)) return 'dns';
  if (code !== null && UNREACHABLE_CODES.has(code)) return 'refused';
  // A peer that hangs up during the handshake, a certificate that is not valid: no request has left.
  return 'tls';
}

/** The `code` of a system or TLS error, looking through `cause`. */
export function errorCode(error: unknown): string | null {
  for (
    let current = error, depth = 0;
    current instanceof Error && depth < 5;
    current = current.cause, depth += 1
  ) {
    const code: unknown = (current as { code?: unknown }).code;
    if (typeof code === 'string') return code;
  }
  return null;
}
