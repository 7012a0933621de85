import { missionFields } from '../decode.ts';
import { missionData } from '../encode.ts';
import { data, telnyxOperation } from '../operation.ts';
import { createMissionSchema, missionDataSchema, single } from '../wire.ts';

export const createMission = telnyxOperation({
  method: 'POST',
  path: '/ai/missions',
  role: 'developer',
  summary: 'Create mission',
  body: createMissionSchema,
  example: { name: 'Find a caterer', instructions: 'Call caterers and compare their offers.' },
  replies: { 201: { description: 'The mission', schema: single(missionDataSchema) } },
  handle: ({ engine, caller, body, command }) =>
    command(
      (options) => engine.missions.create(caller, { ...missionFields(body), name: body.name }, options),
      (mission) => data(201, missionData(mission)),
    ),
});
