import type { ClientConfig, ClientFeedback, ClientToken, JsonObject } from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';

export interface ClientTokenPatch {
  name?: string | undefined;
  origins?: string[] | undefined;
  target?: string | null | undefined;
  active?: boolean | undefined;
  config?: ClientConfig | undefined;
  dailyMessageLimit?: number | null | undefined;
}

export interface NewClientToken extends ClientTokenPatch {
  name: string;
  origins: string[];
}

/** A page's visitor, for a day. */
export interface ClientSession {
  /** Names it in runs and logs; the page sends another, secret one. */
  id: string;
  organizationId: number;
  token: ClientToken;
  conversationId: string;
  /** The page's, or null when none was told. */
  origin: string | null;
  /** The page's tools as they were last sent; null: never. */
  tools: JsonObject[] | null;
  toolsFingerprint: string | null;
  expiresAt: string;
}

export interface NewClientFeedback {
  type: string;
  /** Empty: of the conversation as a whole. */
  messageId: string;
  rating: number | null;
  comment: string | null;
  metadata: JsonObject | null;
}

/** How a run names the session that started it, in its `face.client`. */
export interface ClientOfRun extends JsonObject {
  sessionId: string;
  tokenId: string;
  conversationId: string;
}

/**
 * Pages without a key: tokens that admins make, sessions of visitors, what these say. What a token or session may do
 * is for the faces to hold; none of these methods looks at `Origin`.
 */
export interface ClientsFacade {
  /** The token is shown once; a replayed reply has `token: null`. */
  createToken(
    caller: Caller,
    fields: NewClientToken,
    options?: CommandOptions,
  ): Promise<ClientToken & { token: string }>;
  /** Oldest first unless `order: 'desc'`, revoked ones too. */
  tokens(caller: Caller, query: PageQuery): Promise<Page<ClientToken>>;
  token(caller: Caller, tokenId: string): Promise<ClientToken>;
  /** `invalid_transition` for a revoked one. */
  updateToken(
    caller: Caller,
    tokenId: string,
    patch: ClientTokenPatch,
    options?: CommandOptions,
  ): Promise<ClientToken>;
  /** For good; its sessions end with it. Revoking twice is revoking once. */
  revokeToken(caller: Caller, tokenId: string, options?: CommandOptions): Promise<ClientToken>;
  /** What was said through a token, newest first unless `order: 'asc'`. */
  feedback(caller: Caller, tokenId: string, query: PageQuery): Promise<Page<ClientFeedback>>;
  /** By what the page sends; null when it is unknown or revoked. */
  findToken(secret: string): Promise<{ organizationId: number; token: ClientToken } | null>;
  /**
   * A new session of the token. `continues`: the secret of an earlier one of the same token, whose conversation and
   * tools it takes over; or that conversation's id. Throws `rate_limited`.
   */
  beginSession(
    token: { organizationId: number; token: ClientToken },
    start: { origin: string | null; continues?: { secret?: string; conversationId?: string } },
  ): Promise<{ secret: string; session: ClientSession }>;
  /** Counts one message against the limit of the token's day. Throws `quota_exceeded`. */
  countMessage(session: ClientSession): Promise<void>;
  /** By what the page sends; null when it is unknown or has expired, or its token was revoked. */
  findSession(secret: string): Promise<ClientSession | null>;
  /** Keeps what the page has declared, in place of what it had. */
  keepTools(sessionId: string, tools: readonly JsonObject[], fingerprint: string | null): Promise<void>;
  /** A live session of the conversation in which a page has started this run; null when there is none. */
  sessionOfRun(runId: string): Promise<ClientSession | null>;
  /** One of each type and message in a session: a second replaces the first. Throws `quota_exceeded` beyond 200. */
  giveFeedback(
    session: ClientSession,
    feedback: NewClientFeedback,
  ): Promise<{ id: string; created: boolean }>;
}
