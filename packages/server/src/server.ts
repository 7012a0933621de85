import { hostname } from 'node:os';
import type { RunAgent } from '@fermata/protocol';
import { v7 } from 'uuid';
import { createModels } from './agent/models/models.ts';
import { createPrices } from './agent/models/prices.ts';
import { toolsOfAgent } from './agent/models/ready-made-scripts.ts';
import { createToolbox } from './agent/tools/toolbox.ts';
import { unaskedTools, type UnaskedTools } from './agent/tools/unasked-tools.ts';
import type { Config } from './config/config.ts';
import { ListenError } from './config/listen-error.ts';
import { loadPrices } from './config/prices.ts';
import { providerSettings } from './config/provider-settings.ts';
import { createFaces } from './dialects/faces.ts';
import { Adoption } from './driver/adopt.ts';
import { createDriveTask } from './driver/claim.ts';
import { drain } from './driver/drain.ts';
import { ExecutorWatch } from './driver/executor-watch.ts';
import { Executor } from './driver/executor.ts';
import { Presence } from './driver/presence.ts';
import { OutboxDelivery } from './driver/outbox-delivery.ts';
import { createRehearsals } from './driver/rehearsals.ts';
import type { SegmentClock, SegmentDeps } from './driver/segment-ports.ts';
import { ScheduleLoop } from './driver/schedule-loop.ts';
import { createSegmentRunner } from './driver/segment.ts';
import { Loop } from './driver/sweep-loop.ts';
import { Sweep } from './driver/sweep.ts';
import { SYSTEM_CLOCK } from './driver/system-clock.ts';
import { newChildRun, type Delegation } from './engine/child-run.ts';
import type { CommitListener } from './engine/commit.ts';
import type { Engine } from './engine/facade.ts';
import { createForks } from './engine/fork.ts';
import { newIdOf } from './engine/new-id.ts';
import type { NewRun } from './engine/new-run.ts';
import { createPreviewsFacade } from './engine/preview.ts';
import { createRunsFacade } from './engine/run-commands.ts';
import { createWaitsFacade } from './engine/wait-commands.ts';
import { createEventsFacade } from './eventlog/events-facade.ts';
import { createSessionBegin } from './eventlog/session-history.ts';
import { EventTail } from './eventlog/tail.ts';
import { createTranscriptPages } from './eventlog/transcript-pages.ts';
import { createApp } from './http/app.ts';
import { watchConnections } from './http/end-connections.ts';
import { BULK_TASK, createBulkTask } from './jobs/bulk-task.ts';
import { GraphileJobQueue } from './jobs/queue.ts';
import type { Logger } from './observe/log.ts';
import { createMetrics } from './observe/metrics.ts';
import { createGuardedFetch } from './outgoing/guarded-fetch.ts';
import { createSecretBox, openRunSecrets } from './secrets/secret-box.ts';
import { createBlobs, createBlobStore } from './store/blobs.ts';
import { Committer } from './store/committer.ts';
import { DailyBudgets } from './store/daily-budgets.ts';
import { pgOptions, type DatabaseTarget } from './store/database-target.ts';
import { createDryRuns } from './store/dry-run.ts';
import { createEventSelections } from './store/event-selections.ts';
import { createEventReads } from './store/events.ts';
import { createPresence } from './store/executors.ts';
import { createForkCopies } from './store/fork-copies.ts';
import { HintHub } from './store/hints.ts';
import { createIdentity } from './store/identity.ts';
import { createJobWork } from './store/job-work.ts';
import { createMissionFacades } from './store/mission-facades.ts';
import { createMissions } from './store/missions.ts';
import { Pool } from './store/pool.ts';
import { createRateLimiter } from './store/rate-limits.ts';
import { createReceipts } from './store/receipts.ts';
import { readiness } from './store/readiness.ts';
import { createRetention } from './store/retention.ts';
import { createRunReads } from './store/runs.ts';
import { createScheduleFires } from './store/schedule-fires.ts';
import { createSessions } from './store/sessions.ts';
import { createSnapshotStore } from './store/snapshots.ts';
import { createSweepReads } from './store/sweep-reads.ts';
import { createWaitReads } from './store/waits.ts';
import { wireDefinitions } from './wiring/definitions.ts';
import { wireStoredFacades } from './wiring/stored-facades.ts';
import { announceOn, wireWebhooks } from './wiring/webhooks.ts';

export const VERSION = '0.1.0';

export interface ServerOptions {
  config: Config;
  /** A migrated database. */
  target: DatabaseTarget;
  /** Whether the database is our own embedded server. */
  isEmbedded: boolean;
  /** False while the database is known to be down: `/readyz` says so. */
  isDatabaseUp?: () => boolean;
  secretKey: Uint8Array;
  /** Seed of the key that signs receipts. */
  receiptKey: Uint8Array;
  /** The admin key of the first principal. */
  apiKey: string;
  logger: Logger;
  /** The process cannot go on (its presence was lost for too long). */
  onFatal?: (error: Error) => void;
  /** Check every reply against its schema: in development and tests. */
  isCheckingReplies?: boolean;
  /** Tests bring their own time. */
  clock?: { commit?: (databaseMs: number) => number; segment?: SegmentClock };
}

export interface Server extends AsyncDisposable {
  /** `http://host:port`, as it listens. */
  readonly url: string;
  readonly engine: Engine;
  /** The admin key was not known to the database before. */
  readonly isNewKey: boolean;
  /** Hands the runs over, ends the streams, closes everything but the database. */
  close(): Promise<void>;
}

/** Wires the parts and serves: the only place that knows them all. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, target, logger } = options;
  const box = createSecretBox(Buffer.from(options.secretKey));
  const reseal = (sealed: string, from: string, to: string): string => box.seal(box.open(sealed, from), to);
  const metrics = createMetrics({ process: true });
  const pool = new Pool(target, { part: 'reads', size: config.database.poolSize });
  const runs = createRunReads(pool);
  const waits = createWaitReads(pool);
  const events = createEventReads(pool);
  const snapshots = createSnapshotStore(pool);
  const sweepReads = createSweepReads(pool);
  const hints = new HintHub(target);
  const tail = new EventTail(events);
  hints.listen({
    onHint: (hint, local) => void (local || tail.hint(hint.runId, hint.head)),
    onResync: () => tail.resync(),
  });
  const queue = new GraphileJobQueue({ connection: pgOptions(target), logger, metrics });
  const commitTime = options.clock?.commit ?? ((databaseMs: number) => databaseMs);
  const budgets = new DailyBudgets(pool, () => commitTime(Date.now()));
  await budgets.look();
  const identity = createIdentity(pool, { digestOptionalRoles: config.keys.digestOptionalRoles }, () =>
    budgets.look(),
  );
  const firstAdmin = await identity.ensureFirst(options.apiKey);

  const presencePort = createPresence(target, pool);
  const presence = await Presence.start({
    port: presencePort,
    name: `${hostname()} ${process.pid}`,
    logger,
    metrics,
    onFatal: options.onFatal ?? (() => {}),
  });

  // The committer tells the executor what it has claimed, and the executor's segments commit: each knows the other
  // only from its first call on.
  let listener: CommitListener | null = null;
  const committer = new Committer({
    target,
    listener: {
      offer: (organizationId) => listener?.offer(organizationId) ?? null,
      withdraw: (claim) => listener?.withdraw(claim),
      claimed: (run) => listener?.claimed(run),
      committed(commit) {
        listener?.committed(commit);
        tail.publish(commit.events);
        const { runId, status, head, organizationId } = commit.state;
        hints.send([{ runId, status, head, openWaits: commit.state.waits.length, organizationId }]);
      },
      sent: (runIds) => delivery.deliver(runIds),
    },
    addJobs: (jobs) => queue.driveStatement(jobs),
    announce: announceOn(queue),
    newId: newIdOf,
    organizationConcurrency: config.running.organizationConcurrency,
    usage: budgets,
    clock: commitTime,
    onBatch({ requests, ms }) {
      metrics.committed({ commands: requests, seconds: ms / 1000 });
      metrics.commitQueue(committer.depth);
    },
    onError: (error, what) => logger.error({ err: error }, what),
  });

  const delivery = new OutboxDelivery({ committer, reads: sweepReads, logger });
  const guardedFetch = createGuardedFetch({
    allow: config.tools.allowPrivateAddresses,
    maxBytes: 10 * 1024 * 1024,
    timeoutMs: config.tools.timeoutMs,
  });
  const models = createModels({
    providers: providerSettings(config),
    aliases: config.models.aliases,
    unknownModel: config.models.unknown,
    defaultModel: config.models.default,
    stallMs: config.models.stallMs,
    download: guardedFetch,
  });
  const blobs = createBlobStore(pool);
  const prices = createPrices(await loadPrices(config));
  const priceOf: SegmentDeps['priceOf'] = (model, usage) => prices.costOf(model, usage);
  let executor: Executor | null = null;
  const toolOptions = (agent: RunAgent | null): Parameters<typeof unaskedTools>[0] => ({
    tools: toolsOfAgent(agent),
    mcpServers: agent?.mcpServers ?? [],
    toolRules: agent?.toolRules,
    defaultTimeoutMs: config.tools.timeoutMs,
  });
  const reads = { events, snapshots, runs };
  const knownTools = (agent: RunAgent | null): UnaskedTools => unaskedTools(toolOptions(agent));
  const childRun = (delegation: Delegation): Promise<NewRun> =>
    newChildRun({ runs, agents, flows, newRunId: () => v7(), reseal }, delegation);
  const segments = createSegmentRunner({
    committer,
    ...reads,
    blobs,
    newChildRun: childRun,
    models,
    openToolbox: ({ definition, secrets }) =>
      createToolbox({ ...toolOptions(definition.agent), secrets, fetch: guardedFetch }),
    openSecrets: (sealed, runId) => openRunSecrets(box, sealed, runId),
    isPresent: (maxAgeMs) => executor?.isPresent(maxAgeMs) ?? false,
    priceOf,
    clock: options.clock?.segment ?? SYSTEM_CLOCK,
    log: logger,
  });
  let watch: ExecutorWatch | null = null;
  let worker: ReturnType<GraphileJobQueue['startWorker']> | null = null;
  let sweep: Sweep | null = null;
  executor = new Executor({
    concurrency: config.running.concurrency,
    presence,
    segments,
    logger,
    metrics,
    onRoom(organizationId) {
      worker?.nudge();
      if (organizationId !== null) sweep?.roomIn(organizationId);
    },
    onForeignChange: () => watch?.now(),
  });
  listener = executor;
  hints.listen(executor.hintListener);
  watch = new ExecutorWatch({ executor, committer, reads: sweepReads, logger, metrics });
  const adoption = new Adoption({
    presence,
    port: presencePort,
    committer,
    reads: sweepReads,
    releaseWorkers: (workerIds) => queue.releaseWorkers(workerIds),
    isEmbedded: options.isEmbedded,
    logger,
    metrics,
  });
  sweep = new Sweep({
    executor,
    committer,
    reads: sweepReads,
    adoption,
    retention: createRetention(pool),
    perOrganization: config.running.organizationConcurrency,
    deliver: (runIds) => delivery.deliver(runIds),
    logger,
    metrics,
  });
  const room = executor;
  const faces = createFaces(config.faces);
  const webhookParts = { config, faces, pool, queue, runs, events, box, logger };
  const webhooks = wireWebhooks({ ...webhookParts, fetch: guardedFetch });
  const { agents, flows } = await wireDefinitions(pool, config);
  const missions = createMissions(pool);
  const runsFacade = createRunsFacade({
    committer,
    reads: runs,
    events,
    agents,
    flows,
    sessions: createSessionBegin(createSessions(pool), reads),
    missions,
    newRunId: () => v7(),
    hasPrice(name) {
      const model = models.resolve(name);
      return !model.ok || prices.has(`${model.provider}/${model.model}`);
    },
    newWebhookId: () => newIdOf('hook_'),
    seal: (plaintext, context) => box.seal(plaintext, context),
    forks: createForks({
      committer,
      reads: runs,
      events,
      copies: createForkCopies(pool),
      newRunId: () => v7(),
      newWaitId: () => newIdOf('wait_'),
      reseal,
      now: () => new Date().toISOString(),
    }),
    transcript: createTranscriptPages(reads),
  });
  const engine: Engine = {
    runs: runsFacade,
    ...createMissionFacades(pool, { committer, reads: runs, missions, runs: runsFacade }),
    waits: createWaitsFacade({ committer, reads: waits, runs }),
    previews: createPreviewsFacade({
      dryRuns: createDryRuns(pool, { newId: newIdOf, clock: commitTime, usage: budgets }),
      rehearse: createRehearsals({ ...reads, models, toolsOf: knownTools, newChildRun: childRun, priceOf }),
      waits,
    }),
    events: createEventsFacade({ runs, events, selections: createEventSelections(pool), tail, hints }),
    blobs: createBlobs(blobs),
    agents,
    flows,
    identity,
    receipts: await createReceipts(pool, events, options.receiptKey),
    webhooks: webhooks.facade,
    ...wireStoredFacades(pool, queue, commitTime),
  };
  const schedules = createScheduleFires(pool, commitTime);
  const scheduleLoop = new ScheduleLoop({ schedules, runs: engine.runs, agents, logger });

  const stopBulk = new AbortController();
  const bulk = createBulkTask({
    work: createJobWork(pool),
    runs: engine.runs,
    draining: stopBulk.signal,
    logger,
  });
  worker = queue.startWorker({
    drive: { hasRoom: () => room.room > 0, run: createDriveTask({ executor, committer, logger, metrics }) },
    tasks: { ...webhooks.tasks, [BULK_TASK]: bulk },
    onWorkerIds: (workerIds) => presence.setWorkerIds(workerIds),
  });
  const budgetLoop = new Loop({
    round: () => budgets.look(),
    everyMs: 1000,
    logger,
    what: 'what organizations have used today cannot be looked at now',
  });

  const draining = new AbortController();
  let isReady = true;
  const app = await createApp({
    engine,
    faces,
    rootFace: config.server.rootDialect ?? undefined,
    rateLimiter: createRateLimiter(pool, config.keys.unlimited),
    serverInfo: { version: VERSION, publicUrl: config.server.publicUrl },
    corsOrigins: config.server.corsOrigins,
    isReady: () => readiness(pool, () => isReady && (options.isDatabaseUp?.() ?? true)),
    metrics: () => metrics.text(),
    logger,
    draining: draining.signal,
    isCheckingReplies: options.isCheckingReplies ?? false,
  });
  const endConnections = watchConnections(app.server);
  let closing: Promise<void> | null = null;
  async function close(): Promise<void> {
    await drain({
      notReady: () => {
        isReady = false;
      },
      executor: room,
      jobWorker: {
        stop(limitMs) {
          stopBulk.abort();
          return worker?.stop(limitMs) ?? Promise.resolve();
        },
      },
      committer,
      reads: sweepReads,
      loops: [watch, sweep, adoption, budgetLoop, scheduleLoop].filter((loop) => loop !== null),
      presence,
      endStreams: async () => {
        draining.abort();
        await endConnections(app.close());
      },
      logger,
      limitMs: config.running.drainMs,
    });
    await delivery[Symbol.asyncDispose]();
    await committer.close();
    await presence[Symbol.asyncDispose]();
    await queue[Symbol.asyncDispose]();
    await tail[Symbol.asyncDispose]();
    await hints[Symbol.asyncDispose]();
    await pool.close();
  }
  let url: string;
  try {
    url = await app.listen({ host: config.server.host, port: config.server.port });
  } catch (error) {
    await close();
    throw new ListenError(config, error);
  }
  return {
    url,
    engine,
    isNewKey: firstAdmin.isNew,
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}
