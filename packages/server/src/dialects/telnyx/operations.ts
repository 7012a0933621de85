import type { Operation } from '../../http/route.ts';
import { KNOWLEDGE_BASES, MCP_SERVERS, TOOLS } from './collections.ts';
import { addSteps } from './routes/add-steps.ts';
import { cancelRun } from './routes/cancel-run.ts';
import { cloneMission } from './routes/clone-mission.ts';
import { collectionRoutes } from './routes/collection-routes.ts';
import { createMission } from './routes/create-mission.ts';
import { createPlan } from './routes/create-plan.ts';
import { createRun } from './routes/create-run.ts';
import { deleteMission } from './routes/delete-mission.ts';
import { getEvent } from './routes/get-event.ts';
import { getMission } from './routes/get-mission.ts';
import { getPlan } from './routes/get-plan.ts';
import { getRun } from './routes/get-run.ts';
import { getStep } from './routes/get-step.ts';
import { linkAgent } from './routes/link-agent.ts';
import { listAgents } from './routes/list-agents.ts';
import { listAllEvents } from './routes/list-all-events.ts';
import { listAllRuns } from './routes/list-all-runs.ts';
import { listEvents } from './routes/list-events.ts';
import { listMissions } from './routes/list-missions.ts';
import { listRuns } from './routes/list-runs.ts';
import { logEvent } from './routes/log-event.ts';
import { pauseRun } from './routes/pause-run.ts';
import { resumeRun } from './routes/resume-run.ts';
import { unlinkAgent } from './routes/unlink-agent.ts';
import { updateMission } from './routes/update-mission.ts';
import { updateRun } from './routes/update-run.ts';
import { updateStep } from './routes/update-step.ts';

/** Operations whose replies have a schema: their members that are not set are sent as the face's setting says. */
export const typedOperations: readonly Operation[] = [
  listMissions,
  createMission,
  listAllEvents,
  listAllRuns,
  getMission,
  updateMission,
  deleteMission,
  cloneMission,
  listRuns,
  createRun,
  getRun,
  updateRun,
  cancelRun,
  pauseRun,
  resumeRun,
  listEvents,
  logEvent,
  getEvent,
  getPlan,
  createPlan,
  addSteps,
  getStep,
  updateStep,
  listAgents,
  linkAgent,
  unlinkAgent,
];

/** Operations whose objects have none: what was given is sent back as it is. */
export const openOperations: readonly Operation[] = [
  ...collectionRoutes(KNOWLEDGE_BASES),
  ...collectionRoutes(MCP_SERVERS),
  ...collectionRoutes(TOOLS),
];
