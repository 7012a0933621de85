import type { OperationSpec } from '../../http/route.ts';
import type { ShannonRoute } from './route.ts';
import { cancelTask } from './routes/cancel-task.ts';
import { createApiKey } from './routes/create-api-key.ts';
import { createSchedule } from './routes/create-schedule.ts';
import { decideApproval } from './routes/decide-approval.ts';
import { deleteSchedule } from './routes/delete-schedule.ts';
import { deleteSession } from './routes/delete-session.ts';
import { getControlState } from './routes/get-control-state.ts';
import { getMe } from './routes/get-me.ts';
import { getReview } from './routes/get-review.ts';
import { getSchedule } from './routes/get-schedule.ts';
import { getSession } from './routes/get-session.ts';
import { getSessionEvents } from './routes/get-session-events.ts';
import { getSessionHistory } from './routes/get-session-history.ts';
import { getTask } from './routes/get-task.ts';
import { getTimeline } from './routes/get-timeline.ts';
import { listApiKeys } from './routes/list-api-keys.ts';
import { listApprovals } from './routes/list-approvals.ts';
import { listScheduleRuns } from './routes/list-schedule-runs.ts';
import { listSchedules } from './routes/list-schedules.ts';
import { listSessions } from './routes/list-sessions.ts';
import { listTaskEvents } from './routes/list-task-events.ts';
import { listTasks } from './routes/list-tasks.ts';
import { pauseSchedule } from './routes/pause-schedule.ts';
import { pauseTask } from './routes/pause-task.ts';
import { postReview } from './routes/post-review.ts';
import { redirectStream } from './routes/redirect-stream.ts';
import { resumeSchedule } from './routes/resume-schedule.ts';
import { resumeTask } from './routes/resume-task.ts';
import { revokeApiKey } from './routes/revoke-api-key.ts';
import { sendSwarmMessage } from './routes/send-message.ts';
import { streamEvents } from './routes/stream-events.ts';
import { submitStream } from './routes/submit-stream.ts';
import { submitTask } from './routes/submit-task.ts';
import { updateSchedule } from './routes/update-schedule.ts';
import { updateSession } from './routes/update-session.ts';
import { emptyLists } from './routes/empty-lists.ts';

/** Every route of the face that takes a key, in the order of its documentation. */
export const shannonRoutes: readonly (ShannonRoute & OperationSpec)[] = [
  submitTask,
  submitStream,
  listTasks,
  getTask,
  pauseTask,
  resumeTask,
  cancelTask,
  getControlState,
  redirectStream,
  streamEvents,
  listTaskEvents,
  getTimeline,
  getReview,
  postReview,
  listApprovals,
  decideApproval,
  sendSwarmMessage,
  listSessions,
  getSession,
  updateSession,
  deleteSession,
  getSessionHistory,
  getSessionEvents,
  createSchedule,
  listSchedules,
  getSchedule,
  listScheduleRuns,
  updateSchedule,
  pauseSchedule,
  resumeSchedule,
  deleteSchedule,
  getMe,
  listApiKeys,
  createApiKey,
  revokeApiKey,
  ...emptyLists,
];

export const shannonTags: { name: string; description: string }[] = [
  { name: 'Tasks', description: 'Submit tasks and look at them.' },
  { name: 'Control', description: 'Pause, resume and cancel.' },
  { name: 'Streams', description: 'What a task does: live, as lists, as a timeline.' },
  { name: 'Reviews', description: 'Plans that are reviewed before the work begins.' },
  { name: 'Approvals', description: 'Calls that somebody must allow.' },
  { name: 'Sessions', description: 'Tasks that share a conversation.' },
  { name: 'Schedules', description: 'Tasks that start by the clock.' },
  { name: 'Identity', description: 'Who asks, and keys.' },
  { name: 'Not kept here', description: 'Families of which Fermata has nothing.' },
];
