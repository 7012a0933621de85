import type { StartRun } from '../../../engine/facade.ts';
import { runData } from '../encode.ts';
import { managedInput } from '../input.ts';
import { managedAgent } from '../managed-agent.ts';
import { data, findMission, telnyxOperation } from '../operation.ts';
import { createRunSchema, missionParamsSchema, runDataSchema, single } from '../wire.ts';

export const createRun = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/runs',
  role: 'developer',
  summary: 'Create run',
  description:
    'Of an external mission: a record that its client drives. Of a managed mission: the server drives it at once.',
  params: missionParamsSchema,
  body: createRunSchema.nullish(),
  example: { input: { objective: 'Find three caterers' } },
  replies: { 201: { description: 'The run', schema: single(runDataSchema) } },
  errors: ['not_configured', 'quota_exceeded'],
  handle: async (request) => {
    const { engine, caller, params, command, traceparent } = request;
    const { input, metadata, name } = request.body ?? {};
    const mission = await findMission(request, params.mission_id);
    const unassignedId = await engine.missions.unassignedId(caller);
    const driven: Partial<StartRun> =
      mission.mode === 'managed'
        ? { ...managedInput(input ?? null), agent: await managedAgent(request, mission) }
        : { input: input ?? undefined };
    const start: StartRun = {
      missionId: mission.id,
      mode: mission.mode,
      metadata: metadata ?? undefined,
      title: name ?? undefined,
      traceparent: traceparent ?? undefined,
      ...driven,
    };
    return command(
      (options) => engine.runs.start(caller, start, options),
      ({ run }) => data(201, runData(run, unassignedId)),
    );
  },
});
