import { createMissionBodySchema, createMissionReplySchema } from '@fermata/protocol';
import { defineOperation } from '../../../http/route.ts';

export const createMission = defineOperation({
  operationId: 'createMission',
  method: 'POST',
  path: '/missions',
  tag: 'Missions',
  role: 'developer',
  summary: 'Create a mission',
  description:
    'Runs started with its `missionId` take their mode from it; a managed one that names no agent takes its instructions and model.',
  body: createMissionBodySchema,
  example: { name: 'Find a caterer', mode: 'managed', instructions: 'Compare three offers.' },
  replies: { 201: { description: 'The mission', schema: createMissionReplySchema } },
  errors: [],
  handle: ({ engine, caller, body, command }) =>
    command(
      (options) => engine.missions.create(caller, body, options),
      (mission) => ({ status: 201, body: mission }),
    ),
});
