import { isJsonObject, type JsonObject, type Run } from '@fermata/protocol';
import type { SessionView } from '../../engine/facade-sessions.ts';
import { echoOf, plainStatus } from './encode.ts';
import { WireError } from './errors.ts';
import type { ShannonRequest } from './route.ts';
import { found, isUuid } from './task-id.ts';

/** A session by its UUID or by the caller's own id. Throws the wire's 404. */
export async function findSession(
  request: Pick<ShannonRequest, 'engine' | 'caller'>,
  id: string,
): Promise<SessionView['session']> {
  return (await findSessionView(request, id)).session;
}

export function findSessionView(
  { engine, caller }: Pick<ShannonRequest, 'engine' | 'caller'>,
  id: string,
): Promise<SessionView> {
  const lookup = isUuid(id) ? engine.sessions.get(caller, id) : engine.sessions.getByKey(caller, id);
  return found(lookup, () => new WireError(404, { error: 'Session not found' }));
}

/** What both views of a session begin with. */
function head({ session, latest }: SessionView): JsonObject {
  const { inputTokens, outputTokens } = session.usage;
  return {
    session_id: session.id,
    user_id: session.createdBy.id,
    context: contextOf(session),
    tokens_used: inputTokens + outputTokens,
    task_count: session.runs.total,
    created_at: session.createdAt,
    updated_at: session.updatedAt,
    is_research_session: isResearch(latest),
  };
}

function contextOf(session: SessionView['session']): JsonObject {
  return {
    ...session.metadata,
    ...(session.key === null ? {} : { external_id: session.key }),
    ...(session.title === null ? {} : { title: session.title }),
  };
}

function isResearch(latest: Run | null): boolean {
  return latest !== null && echoOf(latest).context['force_research'] === true;
}

/** GET /api/v1/sessions/{id}. */
export function sessionJson(view: SessionView): JsonObject {
  const strategy = view.latest === null ? undefined : echoOf(view.latest).context['research_strategy'];
  return { ...head(view), ...(typeof strategy === 'string' ? { research_strategy: strategy } : {}) };
}

/** One item of GET /api/v1/sessions. */
export function sessionItem(view: SessionView): JsonObject {
  const { session, latest } = view;
  const { total, active, succeeded, failed } = session.runs;
  const cost = session.usage.costUsd ?? 0;
  const ended = total - active;
  return {
    ...head(view),
    ...(session.title === null ? {} : { title: session.title }),
    last_activity_at: latest?.updatedAt ?? session.updatedAt,
    is_active: true,
    successful_tasks: succeeded,
    failed_tasks: failed,
    ...(ended === 0 ? {} : { success_rate: succeeded / ended }),
    total_cost_usd: cost,
    ...(total === 0 ? {} : { average_cost_per_task: cost / total }),
    is_near_budget_limit: false,
    ...(latest === null
      ? {}
      : { latest_task_query: echoOf(latest).query, latest_task_status: plainStatus(latest) }),
  };
}

/** The title in a body; throws the wire's 400s. */
export function titleIn(body: JsonObject): string {
  const title = typeof body['title'] === 'string' ? body['title'].trim() : '';
  if (title === '') throw new WireError(400, { error: 'Title cannot be empty' });
  if ([...title].length > 60) throw new WireError(400, { error: 'Title must be 60 characters or less' });
  return title;
}

/** All runs of a session, oldest first. */
export async function sessionRuns(
  { engine, caller }: Pick<ShannonRequest, 'engine' | 'caller'>,
  sessionId: string,
): Promise<Run[]> {
  const runs: Run[] = [];
  let cursor: string | undefined;
  do {
    const page = await engine.runs.list(caller, { session: sessionId, order: 'asc', limit: 100, cursor });
    runs.push(...page.data);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return runs;
}

/** Attachments of a task, as its context tells of them. */
export function attachmentsOf(run: Run): number {
  const count = echoOf(run).context['attachment_count'];
  return isJsonObject(run.face) && typeof count === 'number' ? count : 0;
}
