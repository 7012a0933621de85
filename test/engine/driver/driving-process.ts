import { randomUUID } from 'node:crypto';
import { systemActor, type EventData } from '@fermata/protocol';
import { Adoption } from '../../../packages/server/src/driver/adopt.ts';
import { createDriveTask } from '../../../packages/server/src/driver/claim.ts';
import { drain } from '../../../packages/server/src/driver/drain.ts';
import type { SegmentRunner } from '../../../packages/server/src/driver/executor-segment.ts';
import { ExecutorWatch } from '../../../packages/server/src/driver/executor-watch.ts';
import { Executor } from '../../../packages/server/src/driver/executor.ts';
import { Presence, type PresenceOptions } from '../../../packages/server/src/driver/presence.ts';
import { Sweep } from '../../../packages/server/src/driver/sweep.ts';
import type { CommitListener } from '../../../packages/server/src/engine/commit.ts';
import type { PresencePort } from '../../../packages/server/src/engine/ports.ts';
import { GraphileJobQueue } from '../../../packages/server/src/jobs/queue.ts';
import { createLogger } from '../../../packages/server/src/observe/log.ts';
import { createMetrics } from '../../../packages/server/src/observe/metrics.ts';
import { Committer } from '../../../packages/server/src/store/committer.ts';
import { pgOptions, type DatabaseTarget } from '../../../packages/server/src/store/database-target.ts';
import { createPresence } from '../../../packages/server/src/store/executors.ts';
import { Pool } from '../../../packages/server/src/store/pool.ts';
import { createRetention } from '../../../packages/server/src/store/retention.ts';
import { createSweepReads } from '../../../packages/server/src/store/sweep-reads.ts';

export interface ProcessOptions {
  target: DatabaseTarget;
  concurrency?: number;
  perOrganization?: number | null;
  /** Drives a run with this process's committer. */
  segments: (committer: Committer) => SegmentRunner;
  presence?: Partial<PresenceOptions>;
  /** How long a silent presence session lives, ms. */
  idleLimitMs?: number;
  /** Stands between the process and the database's presence. */
  wrapPort?: (port: PresencePort) => PresencePort;
  lookEveryMs?: number;
  /** No wake-up is missed for so long that the net would be needed, unless the test wants it, ms. */
  graceMs?: number;
}

export interface DrivingProcess extends AsyncDisposable {
  committer: Committer;
  executor: Executor;
  presence: Presence;
  adoption: Adoption;
  sweep: Sweep;
  fatal: Error[];
  log: () => string;
  drain: (limitMs: number) => Promise<void>;
}

/** A process of the server without HTTP, models and tools: what claims, drives, dies and takes over. */
export async function startProcess(options: ProcessOptions): Promise<DrivingProcess> {
  const { target, concurrency = 10, perOrganization = null, graceMs = 60_000 } = options;
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(line) } });
  const metrics = createMetrics();
  const pool = new Pool(target, { part: 'reads', size: 3 });
  const reads = createSweepReads(pool);
  const queue = new GraphileJobQueue({ connection: pgOptions(target), logger, metrics });
  const fatal: Error[] = [];
  const basePort = createPresence(target, pool, { idleLimitMs: options.idleLimitMs ?? 10_000 });
  const port = options.wrapPort?.(basePort) ?? basePort;
  const presence = await Presence.start({
    port,
    name: 'test',
    logger,
    metrics,
    onFatal: (error) => fatal.push(error),
    ...options.presence,
  });
  let listener: CommitListener | null = null;
  const committer = new Committer({
    target,
    listener: {
      offer: (organizationId) => listener?.offer(organizationId) ?? null,
      withdraw: (claim) => listener?.withdraw(claim),
      claimed: (run) => listener?.claimed(run),
      committed: (commit) => listener?.committed(commit),
    },
    addJobs: (jobs) => queue.driveStatement(jobs),
    newId: (prefix) => prefix + randomUUID(),
    organizationConcurrency: perOrganization,
  });
  let nudge = (_organizationId: number | null): void => {};
  const executor = new Executor({
    concurrency,
    presence,
    segments: options.segments(committer),
    logger,
    metrics,
    onRoom: (organizationId) => nudge(organizationId),
  });
  listener = executor;
  const watch = new ExecutorWatch({
    executor,
    committer,
    reads,
    logger,
    metrics,
    everyMs: 200,
    orphanAfterMs: 400,
  });
  const adoption = new Adoption({
    presence,
    port,
    committer,
    reads,
    releaseWorkers: (workerIds) => queue.releaseWorkers(workerIds),
    isEmbedded: true,
    logger,
    metrics,
    lookEveryMs: options.lookEveryMs ?? 500,
  });
  const sweep = new Sweep({
    executor,
    committer,
    reads,
    adoption: { adoptAbandoned: () => Promise.resolve(0) },
    retention: createRetention(pool),
    perOrganization,
    deliver: () => undefined,
    logger,
    metrics,
    graceMs,
  });
  const worker = queue.startWorker({
    drive: {
      hasRoom: () => executor.room > 0,
      run: createDriveTask({ executor, committer, logger, metrics }),
    },
    tasks: {},
    onWorkerIds: (workerIds) => presence.setWorkerIds(workerIds),
  });
  nudge = (organizationId) => {
    worker.nudge();
    if (organizationId !== null) sweep.roomIn(organizationId);
  };
  let drained: Promise<void> | null = null;
  const drainOnce = (limitMs: number): Promise<void> =>
    (drained ??= drain({
      notReady: () => {},
      executor,
      jobWorker: worker,
      committer,
      reads,
      loops: [watch, sweep, adoption],
      presence,
      endStreams: async () => {},
      logger,
      limitMs,
      graceMs: 200,
    }));
  return {
    committer,
    executor,
    presence,
    adoption,
    sweep,
    fatal,
    log: () => lines.join(''),
    drain: drainOnce,
    async [Symbol.asyncDispose]() {
      await drainOnce(0);
      await committer.close();
      await presence[Symbol.asyncDispose]();
      await queue[Symbol.asyncDispose]();
      await pool.close();
    },
  };
}

/** Starts a managed run; returns its id. */
export async function createRun(committer: Committer): Promise<string> {
  const runId = randomUUID();
  const created: Omit<EventData<'run.created'>, 'number'> = {
    organizationId: 1,
    by: systemActor('test'),
    key: null,
    mode: 'managed',
    kind: 'agent',
    origin: 'native',
    agent: { id: null, name: 'test', model: 'script/test', version: null },
    flow: null,
    title: null,
    sessionId: null,
    missionId: null,
    parent: null,
    forkedFrom: null,
    input: 'Hello',
    limits: {},
    onLimit: 'pause',
    onProviderFailure: 'fail',
    metadata: {},
    face: null,
    startAt: null,
    traceparent: null,
  };
  await committer.commit({ create: { runId, created, secrets: null } });
  return runId;
}
