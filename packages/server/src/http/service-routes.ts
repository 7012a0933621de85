import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { EngineError } from '../engine/errors.ts';
import type { Face, FaceContext } from './face.ts';
import type { OpenApiDocument } from './openapi.ts';
import { docsIndexPage, errorsPage, faceDocsPage } from './pages/docs-page.ts';
import { homePage, type HomeFacts } from './pages/home-page.ts';

export interface ServiceRoutes {
  faces: readonly Face[];
  context: FaceContext;
  /** True when `/` is the overview; false when a face is mounted there. */
  hasHomePage: boolean;
  /** Path of the console, or null. */
  consolePath: string | null;
  /** True when ready; a string says why not. */
  isReady(): Promise<boolean | string>;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

/** `/`, `/docs`, `/openapi/<face>.json`, `/healthz`, `/readyz`, `/metrics`: without a key. */
export function registerServiceRoutes(app: FastifyInstance, routes: ServiceRoutes): void {
  if (routes.hasHomePage) {
    app.get('/', (request, reply) => {
      const facts = homeFacts(routes, request);
      return asksForJson(request.headers.accept) ? reply.send(facts) : sendPage(reply, homePage(facts));
    });
  }
  app.get('/healthz', (_request, reply) => reply.send({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const ready = await routes.isReady();
    if (ready === true) return reply.send({ status: 'ready' });
    return reply
      .code(503)
      .header('retry-after', 1)
      .send({ status: 'not_ready', reason: ready === false ? 'starting or stopping' : ready });
  });
  app.get('/metrics', async (_request, reply) => {
    const text = await routes.metrics();
    return reply.header('content-type', 'text/plain; version=0.0.4; charset=utf-8').send(text);
  });
  registerDocs(app, routes);
}

function registerDocs(app: FastifyInstance, { faces, context }: ServiceRoutes): void {
  const documents = new Map<string, OpenApiDocument>();
  const documentOf = (face: Face): OpenApiDocument | undefined => {
    const known = documents.get(face.name) ?? face.openApi?.();
    if (known !== undefined) documents.set(face.name, known);
    return known;
  };
  app.get('/docs', (request, reply) => {
    const urls = new Map(context.faces(request).map((face) => [face.name, face.url]));
    const documented = faces.filter((face) => face.openApi !== undefined);
    return sendPage(
      reply,
      docsIndexPage(documented.map(({ name, title }) => ({ name, title, url: urls.get(name) ?? '' }))),
    );
  });
  app.get('/docs/errors', (_request, reply) => sendPage(reply, errorsPage()));
  for (const face of faces) {
    if (face.openApi === undefined) continue;
    app.get(`/docs/${face.name}`, (_request, reply) => {
      const document = documentOf(face);
      if (document === undefined) throw new EngineError('not_found', 'There is no such page.');
      return sendPage(reply, faceDocsPage(face.title, face.name, document));
    });
    app.get(`/openapi/${face.name}.json`, (_request, reply) => reply.send(documentOf(face)));
  }
}

function homeFacts(routes: ServiceRoutes, request: FastifyRequest): HomeFacts {
  const urls = new Map(routes.context.faces(request).map((face) => [face.name, face.url]));
  return {
    name: 'fermata',
    version: routes.context.server.version,
    docs: '/docs',
    console: routes.consolePath,
    ready: '/readyz',
    faces: routes.faces.map((face) => ({
      name: face.name,
      title: face.title,
      url: urls.get(face.name) ?? '',
      docs: face.openApi === undefined ? null : `/docs/${face.name}`,
      openapi: face.openApi === undefined ? null : `/openapi/${face.name}.json`,
    })),
  };
}

function asksForJson(accept: string | undefined): boolean {
  return accept !== undefined && accept.includes('application/json') && !accept.includes('text/html');
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return reply.header('content-type', 'text/html; charset=utf-8').send(page);
}
