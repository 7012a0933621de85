import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { basename, dirname, extname, join } from 'node:path';

/** The page of a customer that has put the widget into it: another origin than the server's. */
export interface HostPage extends AsyncDisposable {
  url: string;
}

const DIST = dirname(createRequire(import.meta.url).resolve('@runtypelabs/persona'));
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css' };

const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>A page with the widget</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="/widget.css" />
    <script src="/index.global.js"></script>
    <!-- A page that has tools brings the polyfill itself; the widget's own comes only when it first looks for tools. -->
    <script type="module" src="/webmcp-polyfill.js"></script>
  </head>
  <body>
    <div id="chat" style="height: 640px"></div>
  </body>
</html>`;

export async function startHostPage(): Promise<HostPage> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname;
    if (path === '/') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
      return;
    }
    const type = TYPES[extname(path)];
    if (type === undefined) {
      response.writeHead(404).end();
      return;
    }
    const file = createReadStream(join(DIST, basename(path)));
    file.once('open', () => response.writeHead(200, { 'content-type': type }));
    file.once('error', () => response.writeHead(404).end());
    file.pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
