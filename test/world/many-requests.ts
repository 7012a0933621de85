import { Pool } from 'undici';

export interface QuickReply {
  status: number;
  body: unknown;
}

/** Many requests at once, with kept connections: `fetch` costs more than the server that is tested. */
export interface ManyRequests extends AsyncDisposable {
  post(server: number, key: string, path: string, body: unknown): Promise<QuickReply>;
}

export function manyRequests(urls: readonly string[], connections: number): ManyRequests {
  const pools = urls.map((url) => new Pool(url, { connections }));
  return {
    async post(server, key, path, body) {
      const pool = pools[server % pools.length];
      if (pool === undefined) throw new Error('there is no such server');
      const reply = await pool.request({
        method: 'POST',
        path,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return { status: reply.statusCode, body: await reply.body.json() };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(pools.map((pool) => pool.close()));
    },
  };
}

/** Runs the tasks, at most `width` at once. */
export async function inBatches<T>(
  items: readonly T[],
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const queue = [...items];
  async function worker(): Promise<void> {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item);
  }
  await Promise.all(Array.from({ length: width }, worker));
}
