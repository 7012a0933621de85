import type { Json, Run, RunEvent } from '@fermata/protocol';
import type { Principal } from '../../engine/facade-accounts.ts';
import type { Page } from '../../engine/caller.ts';
import { runUrl } from './links.ts';
import { AGENT_TYPES, type AgentRunBody, type RunStatusText, type SourceType } from './wire.ts';

/** Kinds of runs whose source is another than the API. */
export const SOURCE_OF_KIND: Readonly<Record<string, SourceType>> = {
  setup_commands: 'SETUP_COMMANDS',
  session: 'LOCAL',
};

const STATUS_OF_FAILURE: Readonly<Record<string, RunStatusText>> = {
  timed_out: 'TIMEOUT',
  max_turns: 'MAX_ITERATIONS_REACHED',
  budget_exhausted: 'OUT_OF_TOKENS',
};

/** A status in the vendor's words. What is queued is shown as active: clients do not poll anything else. */
export function statusText({ status, error }: Pick<Run, 'status' | 'error'>): RunStatusText {
  switch (status) {
    case 'queued':
    case 'running':
      return 'ACTIVE';
    case 'pausing':
    case 'paused':
    case 'waiting':
      return 'PAUSED';
    case 'succeeded':
      return 'COMPLETE';
    case 'failed':
      return STATUS_OF_FAILURE[error?.code ?? ''] ?? 'ERROR';
    case 'cancelled':
      return 'CANCELLED';
  }
}

/** An output as text: the wire has no other. */
export function resultText(output: Json | null): string | null {
  return output === null || typeof output === 'string' ? output : JSON.stringify(output);
}

/** A run as the vendor shows it; `base`: of the server's links. */
export function encodeRun(run: Run, base: string): AgentRunBody {
  const { repoId, agentType } = echoed(run);
  return {
    ...encodeRunHead(run, base),
    summary: run.summary ?? run.title,
    source_type: SOURCE_OF_KIND[run.kind] ?? 'API',
    github_pull_requests: [],
    repo_id: repoId,
    agent_type: agentType,
  };
}

/** What a run with logs has of the run. */
export function encodeRunHead(
  run: Run,
  base: string,
): Pick<
  AgentRunBody,
  'id' | 'organization_id' | 'status' | 'created_at' | 'web_url' | 'result' | 'metadata'
> {
  return {
    id: run.number,
    organization_id: run.organizationId,
    status: statusText(run),
    created_at: run.createdAt,
    web_url: runUrl(base, run.number),
    result: resultText(run.output),
    metadata: run.metadata,
  };
}

/** What the run keeps for this face alone. */
export function faceOf(echo: { repoId: number | undefined; agentType: string | undefined }): {
  repo_id: number | null;
  agent_type: string | null;
} {
  return { repo_id: echo.repoId ?? null, agent_type: echo.agentType ?? null };
}

function echoed({ origin, face }: Run): {
  repoId: number | null;
  agentType: AgentRunBody['agent_type'];
} {
  if (origin !== 'codegen' || face === null) return { repoId: null, agentType: null };
  const { repo_id: repoId, agent_type: agentType } = face;
  return {
    repoId: typeof repoId === 'number' ? repoId : null,
    agentType: AGENT_TYPES.find((type) => type === agentType) ?? null,
  };
}

/** A run as it was at its event: what is sent does not change with the time of sending. */
export function runAtEvent(run: Run, event: RunEvent): Run {
  switch (event.type) {
    case 'run.succeeded':
      return { ...run, status: 'succeeded', output: event.data.output, error: null };
    case 'run.failed':
      return { ...run, status: 'failed', output: event.data.output, error: event.data.error };
    case 'run.cancelled':
      return { ...run, status: 'cancelled', error: null };
    case 'wait.opened':
      return { ...run, status: 'waiting', output: null, error: null };
    default:
      return run;
  }
}

export function encodeUser({ number, email, name, role }: Principal): {
  id: number;
  email: string | null;
  github_user_id: string;
  github_username: string;
  avatar_url: null;
  full_name: string;
  role: 'ADMIN' | 'MANAGER' | 'MEMBER';
  is_admin: boolean;
} {
  return {
    id: number,
    email,
    // Clients want a text; nobody is known at GitHub here.
    github_user_id: '',
    github_username: name,
    avatar_url: null,
    full_name: name,
    role: role === 'admin' ? 'ADMIN' : role === 'developer' ? 'MANAGER' : 'MEMBER',
    is_admin: role === 'admin',
  };
}

/** No pull requests are opened and no rules looked for. */
export const ORGANIZATION_SETTINGS = { enable_pr_creation: false, enable_rules_detection: false };

export interface Window {
  offset: number;
  limit: number;
}

/** The place of a page; `pages` is 0 when there is nothing. */
export function placeOf(
  { offset, limit }: Window,
  total: number,
): { page: number; size: number; pages: number } {
  return { page: Math.floor(offset / limit) + 1, size: limit, pages: Math.ceil(total / limit) };
}

/** A page of a list. */
export function encodePage<T, B>(
  { data, total = data.length }: Page<T>,
  window: Window,
  item: (one: T) => B,
): { items: B[]; total: number; page: number; size: number; pages: number } {
  return { items: data.map(item), total, ...placeOf(window, total) };
}
