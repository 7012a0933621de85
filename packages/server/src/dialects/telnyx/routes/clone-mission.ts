import { COLLECTIONS } from '../collections.ts';
import { missionData } from '../encode.ts';
import { data, telnyxOperation } from '../operation.ts';
import { looseMissionParamsSchema, missionDataSchema, single } from '../wire.ts';

export const cloneMission = telnyxOperation({
  method: 'POST',
  path: '/ai/missions/{mission_id}/clone',
  role: 'developer',
  summary: 'Clone mission',
  description:
    'A new mission with the same members, tools, knowledge bases and MCP servers; without its runs.',
  params: looseMissionParamsSchema,
  replies: { 201: { description: 'The new mission', schema: single(missionDataSchema) } },
  handle: ({ engine, caller, params, command }) =>
    command(
      (options) =>
        engine.missions.clone(
          caller,
          params.mission_id,
          COLLECTIONS.map(({ path }) => path),
          options,
        ),
      (mission) => data(201, missionData(mission)),
    ),
});
