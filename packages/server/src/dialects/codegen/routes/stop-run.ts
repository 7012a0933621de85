import { isTerminal } from '@fermata/protocol';
import type { CommandOptions } from '../../../engine/caller.ts';
import type { Changed } from '../../../engine/facade.ts';
import type { OperationRequest } from '../../../http/route.ts';
import { hasMovedOn } from '../ban.ts';
import { findRun } from '../decode.ts';
import { encodeRun } from '../encode.ts';
import { serverBase } from '../links.ts';
import { codegenOperation } from '../operation.ts';
import { agentRunSchema, betaStopBody, organizationParams } from '../wire.ts';

export const stopRun = codegenOperation({
  operationId: 'stop_agent_run_beta',
  method: 'POST',
  path: '/v1/beta/organizations/{org_id}/agent/run/stop',
  tag: 'Agent runs',
  role: 'operator',
  summary: 'Stop an agent run',
  description: 'Cancels it. One that has ended stays as it is.',
  params: organizationParams,
  body: betaStopBody,
  reply: agentRunSchema,
  errors: ['not_found'],
  async handle(request) {
    const { id } = await findRun(request, request.body.agent_run_id);
    return request.command(
      (options) => stop(request, id, options),
      ({ run }) => ({ status: 200, body: encodeRun(run, serverBase(request)) }),
    );
  },
});

async function stop(
  request: Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>,
  runId: string,
  options: CommandOptions,
): Promise<Changed> {
  const run = await findRun(request, runId);
  if (isTerminal(run.status)) return { run, changed: false };
  try {
    return await request.engine.runs.cancel(request.caller, runId, { reason: 'stopped' }, options);
  } catch (error) {
    if (!hasMovedOn(error)) throw error;
    return { run: await findRun(request, runId), changed: false };
  }
}
