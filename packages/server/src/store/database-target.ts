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
 * The same database as a URL that node-postgres understands. (`postgres` does not: it looks a host up that has a
 * percent sign in it, so give it the object.)
 */
export function pgUrl(target: DatabaseTarget): string {
  if (typeof target === 'string') return target;
  const { host, port, user, database } = target;
  const authority = `${encodeURIComponent(user)}@${encodeURIComponent(host)}:${port}`;
  return `postgres://${authority}/${encodeURIComponent(database)}`;
}
