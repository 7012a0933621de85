/** A database to connect to: a URL, or the unix socket of an embedded server (`host` is the socket's folder). */
export type DatabaseTarget = string | { host: string; port: number; user: string; database: string };

/** Options for node-postgres. */
export function pgOptions(
  target: DatabaseTarget,
): { connectionString: string } | { host: string; port: number; user: string; database: string } {
  if (typeof target === 'string') return { connectionString: target };
  return { host: target.host, port: target.port, user: target.user, database: target.database };
}

/**
 * A database URL for `postgres`, and the options that must go with it. libpq and node-postgres take the folder of a
 * unix socket as `?host=/folder&port=5432`, or as a host with percent signs; `postgres` would look the latter up, and
 * make session settings of the former.
 */
export function postgresUrl(target: string): { url: string; place: { host?: string; port?: number } } {
  // A list of hosts is no URL to the platform, and has no socket in it.
  if (!URL.canParse(target)) return { url: target, place: {} };
  const url = new URL(target);
  const host = url.searchParams.get('host') ?? (url.hostname.includes('%') ? url.hostname : null);
  const port = url.searchParams.get('port');
  url.searchParams.delete('host');
  url.searchParams.delete('port');
  return {
    url: host === null && port === null ? target : url.href,
    place: {
      ...(host === null ? {} : { host: decodeURIComponent(host) }),
      ...(port === null ? {} : { port: Number(port) }),
    },
  };
}

/** The same database as a URL that libpq and node-postgres understand. */
export function pgUrl(target: DatabaseTarget): string {
  if (typeof target === 'string') return target;
  const { host, port, user, database } = target;
  const authority = `${encodeURIComponent(user)}@${encodeURIComponent(host)}:${port}`;
  return `postgres://${authority}/${encodeURIComponent(database)}`;
}
