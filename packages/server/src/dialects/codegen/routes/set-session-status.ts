import { isTerminal, type Run } from '@fermata/protocol';
import type { CommandOptions } from '../../../engine/caller.ts';
import type { Changed, ReportRun } from '../../../engine/facade.ts';
import type { OperationRequest } from '../../../http/route.ts';
import { codegenOperation } from '../operation.ts';
import { sessionRun } from '../sessions.ts';
import { sessionParams, sessionSchema, sessionStatusBody } from '../wire.ts';

type Status = 'ACTIVE' | 'COMPLETE' | 'ERROR' | 'CANCELLED';

export const setSessionStatus = codegenOperation({
  operationId: 'update_claude_code_session_status',
  method: 'POST',
  path: '/v1/organizations/{org_id}/claude_code/session/{session_id}/status',
  tag: 'Sessions of the CLI',
  role: 'developer',
  summary: 'Report the status of a session',
  params: sessionParams,
  body: sessionStatusBody,
  reply: sessionSchema,
  errors: ['not_found', 'sealed'],
  async handle(request) {
    const { params, body, command } = request;
    const run = await sessionRun(request, params.session_id);
    return command(
      (options) => report(request, run, body.status, options),
      (changed) => ({ status: 200, body: { agent_run_id: changed.run.number } }),
    );
  },
});

/** A session that has ended goes on when the client says so. */
function report(
  { engine, caller }: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>,
  run: Run,
  status: Status,
  options: CommandOptions,
): Promise<Changed> {
  if (status === 'CANCELLED') {
    if (isTerminal(run.status)) return Promise.resolve({ run, changed: false });
    return engine.runs.cancel(caller, run.id, { reason: 'cancelled by the client' }, options);
  }
  return engine.runs.report(caller, run.id, REPORTS[status], options);
}

const REPORTS: Readonly<Record<Exclude<Status, 'CANCELLED'>, ReportRun>> = {
  ACTIVE: { status: 'running', reopen: true },
  COMPLETE: { status: 'succeeded', reopen: true },
  ERROR: {
    status: 'failed',
    reopen: true,
    error: { code: 'reported', message: 'the session ended with an error' },
  },
};
