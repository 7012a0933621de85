import type { Run } from '@fermata/protocol';
import { EngineError } from '../../../engine/errors.ts';
import type { Caller, Page } from '../../../engine/caller.ts';
import type { Engine } from '../../../engine/facade.ts';
import { sourceFilter, windowOf } from '../decode.ts';
import { encodePage, encodeRun, type Window } from '../encode.ts';
import { serverBase } from '../links.ts';
import { codegenOperation, STANDARD } from '../operation.ts';
import { agentRunSchema, listRunsQuery, organizationParams, pageSchema, type SourceType } from '../wire.ts';

const NOTHING: Page<Run> = { data: [], nextCursor: null, total: 0 };

export const listRuns = codegenOperation({
  operationId: 'list_agent_runs',
  method: 'GET',
  path: '/v1/organizations/{org_id}/agent/runs',
  tag: 'Agent runs',
  role: 'viewer',
  summary: 'List agent runs',
  description: 'Newest first.',
  params: organizationParams,
  query: listRunsQuery,
  reply: pageSchema(agentRunSchema),
  rate: STANDARD,
  async handle(request) {
    const { engine, caller, query } = request;
    const window = windowOf(query);
    const page = await runsOf(engine, caller, query, window);
    return {
      status: 200,
      body: encodePage(page, window, (run) => encodeRun(run, serverBase(request))),
    };
  },
});

async function runsOf(
  engine: Engine,
  caller: Caller,
  query: { user_id?: number | undefined; source_type?: SourceType | undefined },
  window: Window,
): Promise<Page<Run>> {
  const source = sourceFilter(query.source_type);
  const creator = query.user_id === undefined ? undefined : await principalId(engine, caller, query.user_id);
  if (source === null || creator === null) return NOTHING;
  return engine.runs.list(caller, {
    ...source,
    createdBy: creator === undefined ? undefined : [creator],
    ...window,
    total: true,
  });
}

/** Null: there is no such user. */
async function principalId(engine: Engine, caller: Caller, number: number): Promise<string | null> {
  try {
    return (await engine.identity.principal(caller, String(number))).id;
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not_found') return null;
    throw error;
  }
}
