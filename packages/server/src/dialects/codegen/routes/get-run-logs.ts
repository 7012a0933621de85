import type { OperationReply, OperationRequest } from '../../../http/route.ts';
import type { z } from 'zod';
import { findRun, windowOf } from '../decode.ts';
import { encodeRunHead, placeOf } from '../encode.ts';
import { argumentsOf, encodeLogEntry, LOGGED_EVENTS } from '../events.ts';
import { serverBase } from '../links.ts';
import { codegenOperation, LOGS } from '../operation.ts';
import { logsQuery, runParams, runWithLogsSchema } from '../wire.ts';

export const getRunLogs = codegenOperation({
  operationId: 'get_agent_run_logs',
  method: 'GET',
  path: '/v1/alpha/organizations/{org_id}/agent/run/{agent_run_id}/logs',
  tag: 'Agent runs',
  role: 'viewer',
  summary: 'Get an agent run with its logs',
  description: 'Oldest first, unless reverse.',
  params: runParams,
  query: logsQuery,
  reply: runWithLogsSchema,
  errors: ['not_found'],
  rate: LOGS,
  handle: runLogs,
});

/** A page of the log, with the run. */
export async function runLogs(
  request: OperationRequest<z.output<typeof runParams>, z.output<typeof logsQuery>, unknown>,
): Promise<OperationReply> {
  const { engine, caller, params, query } = request;
  const run = await findRun(request, params.agent_run_id);
  const window = windowOf(query);
  const page = await engine.events.list(caller, run.id, {
    types: [...LOGGED_EVENTS],
    order: query.reverse === true ? 'desc' : 'asc',
    ...window,
    total: true,
  });
  const calls = await argumentsOf(request, run.id, page.data);
  const total = page.total ?? page.data.length;
  return {
    status: 200,
    body: {
      ...encodeRunHead(run, serverBase(request)),
      logs: page.data.flatMap((event) => encodeLogEntry(event, run.number, calls) ?? []),
      total_logs: total,
      ...placeOf(window, total),
    },
  };
}
