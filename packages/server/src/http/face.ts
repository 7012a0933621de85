import type { RunOrigin } from '@fermata/protocol';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Engine } from '../engine/facade.ts';
import type { WebhookFormat } from '../engine/facade-webhooks.ts';
import type { RateLimiter } from '../engine/ports.ts';
import type { OpenApiDocument } from './openapi.ts';
import type { ServerInfo } from './server-info.ts';

/** What every face is given. */
export interface FaceContext {
  engine: Engine;
  server: ServerInfo;
  rateLimiter: RateLimiter;
  /** Aborts when streams must end because the process stops; readers go on elsewhere. */
  draining: AbortSignal;
  /** Check every reply against its schema: in development and tests. */
  isCheckingReplies: boolean;
  /** The faces of this server with the base URL for their clients. */
  faces(request: FastifyRequest): { name: string; url: string }[];
}

/**
 * One API that the server speaks. Its routes, errors, 404 and authentication live on an encapsulated instance
 * per prefix, so that no face sees another's rules.
 */
export interface Face {
  name: RunOrigin;
  /** For a person: `Fermata native API`. */
  title: string;
  /** Where it is always mounted; the first is the base URL shown to its clients. */
  prefixes: readonly string[];
  /** Where it is mounted when it is the root face: what is left of its base URL without the face's own prefix. */
  rootPrefix: string;
  register(app: FastifyInstance, context: FaceContext): void | Promise<void>;
  /** Answers any error thrown within the face, in its vendor's shape. */
  sendError(error: unknown, request: FastifyRequest, reply: FastifyReply, context: FaceContext): unknown;
  /** Answers a path that the face does not know. */
  notFound(request: FastifyRequest, reply: FastifyReply, context: FaceContext): unknown;
  /** Its documentation, served at `/openapi/<name>.json`. */
  openApi?(): OpenApiDocument;
  /** How it sends events; absent: it has no webhooks. */
  webhookFormat?: WebhookFormat;
}
