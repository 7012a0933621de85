import type { Operation } from '../../http/route.ts';
import { addNote } from './routes/add-note.ts';
import { answerCall } from './routes/answer-call.ts';
import { answerWait } from './routes/answer-wait.ts';
import { assignWait } from './routes/assign-wait.ts';
import { cancelJob } from './routes/cancel-job.ts';
import { cancelRun } from './routes/cancel-run.ts';
import { createAgent } from './routes/create-agent.ts';
import { createClientToken } from './routes/create-client-token.ts';
import { createFlow } from './routes/create-flow.ts';
import { createJob } from './routes/create-job.ts';
import { createKey } from './routes/create-key.ts';
import { createMission } from './routes/create-mission.ts';
import { createPrincipal } from './routes/create-principal.ts';
import { deleteAgent } from './routes/delete-agent.ts';
import { deleteFlow } from './routes/delete-flow.ts';
import { deleteMission } from './routes/delete-mission.ts';
import { forkRun } from './routes/fork-run.ts';
import { getAgent } from './routes/get-agent.ts';
import { getFlow } from './routes/get-flow.ts';
import { getBlob } from './routes/get-blob.ts';
import { getClientToken } from './routes/get-client-token.ts';
import { getInboxCounts } from './routes/get-inbox-counts.ts';
import { getJob } from './routes/get-job.ts';
import { getKey } from './routes/get-key.ts';
import { getMe } from './routes/get-me.ts';
import { getOrganization } from './routes/get-organization.ts';
import { getMission } from './routes/get-mission.ts';
import { getPlan } from './routes/get-plan.ts';
import { getPrincipal } from './routes/get-principal.ts';
import { getReceipts } from './routes/get-receipts.ts';
import { getRun } from './routes/get-run.ts';
import { getUsage } from './routes/get-usage.ts';
import { getWait } from './routes/get-wait.ts';
import { listAgents } from './routes/list-agents.ts';
import { listClientFeedback } from './routes/list-client-feedback.ts';
import { listClientTokens } from './routes/list-client-tokens.ts';
import { listFlows } from './routes/list-flows.ts';
import { listEvents } from './routes/list-events.ts';
import { listInbox } from './routes/list-inbox.ts';
import { listJobs } from './routes/list-jobs.ts';
import { listKeys } from './routes/list-keys.ts';
import { listMessages } from './routes/list-messages.ts';
import { listMissions } from './routes/list-missions.ts';
import { listPrincipals } from './routes/list-principals.ts';
import { listReceiptKeys } from './routes/list-receipt-keys.ts';
import { listRuns } from './routes/list-runs.ts';
import { listWaits } from './routes/list-waits.ts';
import { pauseRun } from './routes/pause-run.ts';
import { reportRun } from './routes/report-run.ts';
import { resumeRun } from './routes/resume-run.ts';
import { retryRun } from './routes/retry-run.ts';
import { revokeClientToken } from './routes/revoke-client-token.ts';
import { revokeKey } from './routes/revoke-key.ts';
import { sendMessage } from './routes/send-message.ts';
import { snoozeWait } from './routes/snooze-wait.ts';
import { createSchedule } from './routes/create-schedule.ts';
import { createSession } from './routes/create-session.ts';
import { deleteSchedule } from './routes/delete-schedule.ts';
import { deleteSession } from './routes/delete-session.ts';
import { getSchedule } from './routes/get-schedule.ts';
import { getSession } from './routes/get-session.ts';
import { listScheduleFires } from './routes/list-schedule-fires.ts';
import { listSchedules } from './routes/list-schedules.ts';
import { listSessions } from './routes/list-sessions.ts';
import { updateSchedule } from './routes/update-schedule.ts';
import { updateSession } from './routes/update-session.ts';
import { startRun } from './routes/start-run.ts';
import { updateAgent } from './routes/update-agent.ts';
import { updateClientToken } from './routes/update-client-token.ts';
import { updateFlow } from './routes/update-flow.ts';
import { updateOrganization } from './routes/update-organization.ts';
import { updateMission } from './routes/update-mission.ts';
import { updatePrincipal } from './routes/update-principal.ts';
import { updateRun } from './routes/update-run.ts';
import { watchChanges } from './routes/watch-changes.ts';

/** Every operation of the native API, in the order of its documentation. */
export const nativeOperations: readonly Operation[] = [
  startRun,
  listRuns,
  getRun,
  updateRun,
  pauseRun,
  resumeRun,
  cancelRun,
  retryRun,
  reportRun,
  forkRun,
  listMessages,
  sendMessage,
  listEvents,
  addNote,
  getPlan,
  getBlob,
  getReceipts,
  listReceiptKeys,
  watchChanges,
  listWaits,
  getWait,
  answerWait,
  answerCall,
  snoozeWait,
  assignWait,
  listInbox,
  getInboxCounts,
  createJob,
  listJobs,
  getJob,
  cancelJob,
  listAgents,
  createAgent,
  getAgent,
  updateAgent,
  deleteAgent,
  listFlows,
  createFlow,
  getFlow,
  updateFlow,
  deleteFlow,
  listMissions,
  createMission,
  getMission,
  updateMission,
  deleteMission,
  listSessions,
  createSession,
  getSession,
  updateSession,
  deleteSession,
  listSchedules,
  createSchedule,
  listScheduleFires,
  getSchedule,
  updateSchedule,
  deleteSchedule,
  listClientTokens,
  createClientToken,
  getClientToken,
  updateClientToken,
  revokeClientToken,
  listClientFeedback,
  getMe,
  getOrganization,
  updateOrganization,
  getUsage,
  listPrincipals,
  createPrincipal,
  getPrincipal,
  updatePrincipal,
  listKeys,
  createKey,
  getKey,
  revokeKey,
];

export const nativeTags: { name: string; description: string }[] = [
  { name: 'Runs', description: 'Start runs, command them, and talk to them.' },
  { name: 'Events', description: 'The log of a run: as pages, as a stream, and with notes of your own.' },
  { name: 'Waits', description: 'What runs need from outside: approvals, tool results, answers, times.' },
  { name: 'Inbox', description: 'What needs somebody now, over all runs.' },
  { name: 'Bulk jobs', description: 'A command on many runs.' },
  { name: 'Agents', description: 'Saved agents, versioned.' },
  { name: 'Flows', description: 'Saved flows: lists of steps, versioned.' },
  { name: 'Missions', description: 'What runs are for, with instructions and a model of their own.' },
  { name: 'Sessions', description: 'Runs that share a conversation.' },
  { name: 'Schedules', description: 'Runs that start by the clock.' },
  { name: 'Client tokens', description: 'What lets pages talk to an agent without a key.' },
  { name: 'Identity', description: 'Who asks: the organization, what it has used, principals and keys.' },
];
