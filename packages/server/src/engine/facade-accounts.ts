import type {
  AgentFields,
  DailyLimits,
  JsonObject,
  ReceiptKey,
  Receipts,
  Role,
  RunAgent,
  RunOrigin,
} from '@fermata/protocol';
import type { Caller, CommandOptions, Page, PageQuery } from './caller.ts';

export interface BlobsFacade {
  /** Stores bytes under their SHA-256; returns `blob:sha256-<hex>`. Storing twice is storing once. */
  put(caller: Caller, bytes: Uint8Array, mediaType: string): Promise<string>;
  get(caller: Caller, digest: string): Promise<{ bytes: Uint8Array; mediaType: string }>;
}

export interface ReceiptsFacade {
  /** The decisions of a run up to now, signed. `not_found` for strangers. */
  get(caller: Caller, runId: string): Promise<Receipts>;
  /** Public keys of every process that has served this database, oldest first. */
  keys(caller: Caller): Promise<ReceiptKey[]>;
}

export interface SavedAgent extends AgentFields {
  id: string;
  name: string;
  version: number;
  createdAt: string;
  updatedAt: string;
}

export interface AgentsFacade {
  list(caller: Caller, query: PageQuery & { q?: string | undefined }): Promise<Page<SavedAgent>>;
  get(caller: Pick<Caller, 'organizationId'>, agentId: string, version?: number): Promise<SavedAgent>;
  create(
    caller: Caller,
    fields: AgentFields & { name: string },
    options?: CommandOptions,
  ): Promise<SavedAgent>;
  /** Each change makes a new version; `metadata` and `limits` are merged by key. */
  update(
    caller: Caller,
    agentId: string,
    patch: Partial<AgentFields>,
    options?: CommandOptions,
  ): Promise<SavedAgent>;
  /** Runs that use it keep their version. */
  delete(caller: Caller, agentId: string, options?: CommandOptions): Promise<void>;
  /** The agent of requests that name none, for the caller's face. */
  defaultAgent(caller: Pick<Caller, 'organizationId' | 'via'>): Promise<RunAgent>;
}

export interface Organization {
  id: number;
  uuid: string;
  name: string;
  dailyLimits: DailyLimits;
  createdAt: string;
}

export interface OrganizationPatch {
  name?: string | undefined;
  /** Merged by key, null removes one. */
  dailyLimits?: DailyLimits | undefined;
}

export interface Principal {
  id: string;
  number: number;
  organizationId: number;
  type: 'person' | 'service';
  name: string;
  email: string | null;
  role: Role;
  createdAt: string;
  disabledAt: string | null;
}

export interface ApiKey {
  id: string;
  name: string;
  principalId: string;
  role: Role;
  /** First characters, to tell keys apart. */
  prefix: string;
  createdAt: string;
  lastUsedAt: string | null;
  expiresAt: string | null;
  revokedAt: string | null;
}

export interface IdentityFacade {
  /** The caller of a key, or null. Looked up by SHA-256; a revoked, expired or disabled one is null. */
  authenticate(secret: string, via: RunOrigin): Promise<Caller | null>;
  organization(caller: Caller): Promise<Organization>;
  updateOrganization(
    caller: Caller,
    patch: OrganizationPatch,
    options?: CommandOptions,
  ): Promise<Organization>;
  principal(caller: Caller, principalId: string): Promise<Principal>;
  principals(caller: Caller, query: PageQuery): Promise<Page<Principal>>;
  createPrincipal(
    caller: Caller,
    fields: {
      name: string;
      email?: string | null | undefined;
      role: Role;
      type?: 'person' | 'service' | undefined;
    },
    options?: CommandOptions,
  ): Promise<Principal>;
  updatePrincipal(
    caller: Caller,
    principalId: string,
    patch: {
      name?: string | undefined;
      email?: string | null | undefined;
      role?: Role | undefined;
      disabled?: boolean | undefined;
    },
    options?: CommandOptions,
  ): Promise<Principal>;
  key(caller: Caller, keyId: string): Promise<ApiKey>;
  keys(caller: Caller, query: PageQuery): Promise<Page<ApiKey>>;
  /** The secret is shown once; a replayed reply has `secret: null`. */
  createKey(
    caller: Caller,
    fields: {
      name: string;
      role: Role;
      principalId?: string | undefined;
      expiresAt?: string | null | undefined;
    },
    options?: CommandOptions,
  ): Promise<ApiKey & { secret: string }>;
  revokeKey(caller: Caller, keyId: string, options?: CommandOptions): Promise<ApiKey>;
}

export interface StoredRecord {
  id: string;
  data: JsonObject;
  createdAt: string;
  updatedAt: string;
}

/** What a vendor keeps beside runs and has no canonical word. */
export interface RecordsFacade {
  get(caller: Caller, face: RunOrigin, collection: string, id: string): Promise<JsonObject | null>;
  put(
    caller: Caller,
    face: RunOrigin,
    collection: string,
    id: string,
    data: JsonObject,
    expiresAt?: string | null,
  ): Promise<void>;
  read(caller: Caller, face: RunOrigin, collection: string, id: string): Promise<StoredRecord | null>;
  /** Keeps a new record; one of that id that is there stays as it is, and is what is returned. */
  add(
    caller: Caller,
    face: RunOrigin,
    collection: string,
    id: string,
    data: JsonObject,
    options?: CommandOptions,
  ): Promise<StoredRecord>;
  delete(caller: Caller, face: RunOrigin, collection: string, id: string): Promise<boolean>;
  list(caller: Caller, face: RunOrigin, collection: string, query: PageQuery): Promise<Page<StoredRecord>>;
}
