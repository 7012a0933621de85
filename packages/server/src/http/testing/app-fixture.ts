import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { createApp, type AppOptions } from '../app.ts';
import type { Face } from '../face.ts';
import { fakeEngine, type FakeEngine } from './fake-engine.ts';

export interface AppFixture extends AsyncDisposable {
  app: FastifyInstance;
  url: string;
  port: number;
  fake: FakeEngine;
  draining: AbortController;
  /** Lines that were logged. */
  logged: Record<string, unknown>[];
  /** A request with the developer's key unless `key` says otherwise; null sends none. */
  request(method: string, path: string, options?: RequestOptions): Promise<Response>;
}

export interface RequestOptions {
  key?: string | null;
  json?: unknown;
  body?: string | Uint8Array;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** A real server on a free port, on a fake engine. */
export async function startApp(
  faces: readonly Face[],
  options: Partial<AppOptions> = {},
): Promise<AppFixture> {
  const fake = fakeEngine();
  const draining = new AbortController();
  const logged: Record<string, unknown>[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      for (const line of chunk.toString().split('\n').filter(Boolean)) logged.push(JSON.parse(line));
      done();
    },
  });
  const app = await createApp({
    engine: fake.engine,
    faces,
    serverInfo: { version: '0.0.0-test', publicUrl: null },
    corsOrigins: ['https://app.example'],
    isReady: () => Promise.resolve(true),
    metrics: () => Promise.resolve('# metrics\n'),
    logger: pino({ level: 'info' }, sink),
    draining: draining.signal,
    isCheckingReplies: true,
    ...options,
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    app,
    url,
    port,
    fake,
    draining,
    logged,
    request: (method, path, { key = 'developer-key', json, body, headers, signal } = {}) =>
      fetch(url + path, {
        method,
        headers: {
          ...(key !== null && { authorization: `Bearer ${key}` }),
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json !== undefined && { body: JSON.stringify(json) }),
        ...(body !== undefined && { body }),
        ...(signal !== undefined && { signal }),
      }),
    async [Symbol.asyncDispose]() {
      draining.abort();
      app.server.closeAllConnections();
      await app.close();
    },
  };
}
