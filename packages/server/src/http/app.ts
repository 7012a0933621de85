import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import fastify, { type FastifyBaseLogger, type FastifyInstance, type FastifyRequest } from 'fastify';
import { EngineError } from '../engine/errors.ts';
import type { Engine } from '../engine/facade.ts';
import type { RateLimiter } from '../engine/ports.ts';
import { installBodyParsers, tameContentType } from './body-parsers.ts';
import { discardBody } from './discard-body.ts';
import type { Face, FaceContext } from './face.ts';
import { DEFAULT_BODY_LIMIT_BYTES, REQUEST_TIMEOUT_MS, UNLIMITED } from './limits.ts';
import { sendProblem } from './problem.ts';
import { foldUrl } from './request-url.ts';
import type { ServerInfo } from './server-info.ts';
import { registerServiceRoutes } from './service-routes.ts';
import { registerWebSockets } from './web-sockets.ts';

/** No URL is longer than what Node takes as a request line, so the router never refuses a parameter. */
const MAX_URL_LENGTH = 16_384;

export interface AppOptions {
  engine: Engine;
  faces: readonly Face[];
  /** The face that is mounted at `/` too; absent: the native API under `/v1`, and the overview at `/`. */
  rootFace?: string | undefined;
  serverInfo: ServerInfo;
  /** Absent: nothing is limited. */
  rateLimiter?: RateLimiter | undefined;
  /** Origins that browsers may call from; `*` for every one, `[]` for none. */
  corsOrigins: readonly string[];
  isReady(): Promise<boolean | string>;
  metrics(): Promise<string>;
  /** Hops or addresses of proxies whose forwarded headers are believed. */
  trustProxy?: boolean | string | string[] | undefined;
  /** Absent: no log. */
  logger?: FastifyBaseLogger | undefined;
  /** Aborts when streams must end with `draining`. */
  draining?: AbortSignal | undefined;
  isCheckingReplies?: boolean | undefined;
  consolePath?: string | null | undefined;
}

/** Builds the HTTP application; the caller listens and closes. */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = newInstance(options);
  const draining = options.draining ?? new AbortController().signal;
  // Every open stream listens to it.
  setMaxListeners(0, draining);
  const context: FaceContext = {
    engine: options.engine,
    server: options.serverInfo,
    rateLimiter: options.rateLimiter ?? UNLIMITED,
    draining,
    isCheckingReplies: options.isCheckingReplies ?? false,
    faces: (request) => faceUrls(options, request),
  };
  app.addHook('onRequest', async (request, reply) => {
    tameContentType(request);
    void reply.header('request-id', request.id);
  });
  await app.register(helmet, HELMET_OPTIONS);
  await app.register(cors, corsOptions(options.corsOrigins));
  installBodyParsers(app);
  await registerWebSockets(app);
  const root = options.faces.find((face) => face.name === options.rootFace && face.name !== 'native');
  app.setErrorHandler(async (error, request, reply) => {
    await finishBody(request);
    return root === undefined
      ? sendProblem(error, request, reply)
      : root.sendError(error, request, reply, context);
  });
  app.setNotFoundHandler((request, reply) =>
    root === undefined
      ? sendProblem(new EngineError('not_found', 'There is nothing here.'), request, reply)
      : root.notFound(request, reply, context),
  );
  registerServiceRoutes(app, {
    faces: options.faces,
    context,
    hasHomePage: root === undefined,
    consolePath: options.consolePath ?? null,
    isReady: options.isReady,
    metrics: options.metrics,
  });
  for (const face of options.faces) {
    for (const prefix of mountsOf(face, root)) await mount(app, face, prefix, context);
  }
  return app;
}

function newInstance(options: AppOptions): FastifyInstance {
  return fastify({
    ...(options.logger === undefined ? { logger: false } : { loggerInstance: options.logger }),
    logController: new fastify.LogController({ disableRequestLogging: true }),
    trustProxy: options.trustProxy ?? false,
    bodyLimit: DEFAULT_BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_URL_LENGTH },
    genReqId: () => `req_${randomUUID().replaceAll('-', '')}`,
    rewriteUrl: (request) => foldUrl(request.url ?? '/'),
  });
}

/** With another face at the root, `/v1` is that face's, and the native API stays at its own prefix. */
function mountsOf(face: Face, root: Face | undefined): string[] {
  if (root === undefined) return [...face.prefixes];
  const own = face.prefixes.filter((prefix) => `${prefix}/`.startsWith(`/${face.name}/`));
  return face === root ? [...own, face.rootPrefix] : own;
}

/** Mounts a face on an instance of its own, so that its errors, 404 and parsers reach no other. */
async function mount(app: FastifyInstance, face: Face, prefix: string, context: FaceContext): Promise<void> {
  await app.register(
    async (scope) => {
      scope.setErrorHandler(async (error, request, reply) => {
        if (await finishBody(request)) void reply.removeHeader('connection');
        return face.sendError(error, request, reply, context);
      });
      // At `/` the application's own handler is the face's.
      if (prefix !== '') scope.setNotFoundHandler((request, reply) => face.notFound(request, reply, context));
      await face.register(scope, context);
    },
    { prefix },
  );
}

/** A body that was refused while it was arriving is read to its end, so that the refusal is seen. */
async function finishBody(request: FastifyRequest): Promise<boolean> {
  return discardBody(request.raw);
}

function faceUrls(options: AppOptions, request: FastifyRequest): { name: string; url: string }[] {
  const base = options.serverInfo.publicUrl ?? `${request.protocol}://${request.host}`;
  return options.faces.map((face) => {
    const isRoot = face.name === options.rootFace && face.name !== 'native';
    return { name: face.name, url: base + (isRoot ? face.rootPrefix : (face.prefixes[0] ?? '')) };
  });
}

const HELMET_OPTIONS = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      styleSrc: ["'unsafe-inline'"],
      imgSrc: ["'self'", 'data:'],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // Whether there is TLS in front is the operator's to say, and other names of the host are not ours.
  strictTransportSecurity: false,
  crossOriginResourcePolicy: { policy: 'cross-origin' as const },
};

function corsOptions(origins: readonly string[]): {
  origin: string | string[] | false;
  exposedHeaders: string[];
  methods: string[];
  maxAge: number;
} {
  return {
    origin: origins.includes('*') ? '*' : origins.length === 0 ? false : [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE'],
    exposedHeaders: [
      'Location',
      'Fermata-Run-Id',
      'Idempotency-Replayed',
      'Request-Id',
      'Retry-After',
      'WWW-Authenticate',
    ],
    maxAge: 600,
  };
}
