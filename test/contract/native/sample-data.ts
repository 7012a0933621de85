import type { Wait } from '@fermata/protocol';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import type { World } from '../../world/server.ts';

/** One of everything that a path of the API can name, in the first organization. */
export type SampleIds = Readonly<
  Record<
    | 'runId'
    | 'waitId'
    | 'callId'
    | 'missionId'
    | 'jobId'
    | 'agentId'
    | 'flowId'
    | 'principalId'
    | 'keyId'
    | 'clientTokenId'
    | 'sessionId'
    | 'scheduleId'
    | 'digest',
    string
  >
>;

// Far enough away for every test.
const SCHEDULE = { name: 'sample', cron: '0 0 29 2 *', run: { input: 'x' } };
const CLIENT_TOKEN = { name: 'a page', origins: ['https://example.org'] };
const FLOW = { name: 'sample', steps: [{ id: 'say', name: 'Say', type: 'send', text: 'hello' }] };
const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';

/** A run that waits for an approval, and whose log holds an image. */
export async function waitingRun({ api }: World): Promise<{ runId: string; wait: Wait }> {
  const input = [
    { type: 'text', text: 'send it' },
    { type: 'image', url: PIXEL },
  ];
  const run = await api.start({ model: 'script/approval', input });
  await api.reaches(run.id, 'waiting');
  return { runId: run.id, wait: only(await api.openWaits(run.id)) };
}

export async function sampleIds(world: World): Promise<SampleIds> {
  const { api } = world;
  const { runId, wait } = await waitingRun(world);
  const agent = await api.call<{ id: string }>('POST', '/v1/agents', {
    name: 'sample',
    model: 'script/echo',
  });
  const flow = await api.call<{ id: string }>('POST', '/v1/flows', FLOW);
  const mission = await api.call<{ id: string }>('POST', '/v1/missions', { name: 'sample' });
  const principal = await api.call<{ id: string }>('POST', '/v1/principals', {
    type: 'service',
    name: 's',
    role: 'viewer',
  });
  const key = await api.call<{ id: string }>('POST', '/v1/keys', {
    name: 'k',
    role: 'viewer',
    principalId: principal.id,
  });
  const clientToken = await api.call<{ id: string }>('POST', '/v1/client-tokens', CLIENT_TOKEN);
  const job = await api.call<{ id: string }>('POST', '/v1/jobs', { action: 'retry', ids: [runId] });
  const session = await api.call<{ id: string }>('POST', '/v1/sessions', { title: 'sample' });
  const schedule = await api.call<{ id: string }>('POST', '/v1/schedules', SCHEDULE);
  const digest = /blob:(sha256-[0-9a-f]{64})/.exec(JSON.stringify(await api.events(runId)))?.[1] ?? '';
  return {
    runId,
    waitId: wait.id,
    callId: wait.callId ?? '',
    agentId: agent.id,
    flowId: flow.id,
    missionId: mission.id,
    principalId: principal.id,
    keyId: key.id,
    clientTokenId: clientToken.id,
    sessionId: session.id,
    scheduleId: schedule.id,
    digest,
    jobId: job.id,
  };
}

/** A valid body for each operation that takes one. */
export const SAMPLE_BODIES: Readonly<Record<string, Body>> = {
  startRun: { input: 'hello' },
  createJob: { action: 'pause', filter: { key: 'of-no-run' } },
  updateOrganization: { name: 'Home' },
  updateRun: { title: 'A title' },
  pauseRun: { reason: 'a reason' },
  resumeRun: {},
  cancelRun: {},
  retryRun: {},
  reportRun: { status: 'succeeded' },
  forkRun: {},
  sendMessage: { content: 'hello', onWaiting: 'queue' },
  addNote: { type: 'note' },
  answerWait: { decision: 'deny', digest: '0'.repeat(64) },
  answerCall: { decision: 'deny', digest: '0'.repeat(64) },
  snoozeWait: { until: '2090-01-01T00:00:00Z' },
  assignWait: { assignee: 'team' },
  createAgent: { name: 'an agent' },
  updateAgent: { name: 'another name' },
  createFlow: FLOW,
  updateFlow: { name: 'another name' },
  createMission: { name: 'a mission' },
  updateMission: { description: 'about it' },
  createPrincipal: { type: 'person', name: 'Ada', role: 'viewer' },
  updatePrincipal: { name: 'Grace' },
  createKey: { name: 'a key', role: 'viewer' },
  createClientToken: CLIENT_TOKEN,
  updateClientToken: { active: false },
  createSession: { title: 'a session' },
  updateSession: { title: 'another title' },
  createSchedule: SCHEDULE,
  updateSchedule: { status: 'paused' },
};
