import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Why a run was taken from the claim that it had. */
export type AdoptionReason = 'dead' | 'orphaned';
/** Where a claim came from: the commit that made the run due, a job, or the sweep's net. */
export type ClaimSource = 'commit' | 'job' | 'sweep';

/** One function per thing that happens; nobody else knows the names of the series. */
export interface Metrics {
  segmentsLive(count: number): void;
  roomReserved(count: number): void;
  claimed(source: ClaimSource): void;
  claimLost(source: ClaimSource): void;
  segmentEnded(seconds: number): void;
  committed(batch: { commands: number; seconds: number }): void;
  commitFailed(reason: string): void;
  commitQueue(commands: number): void;
  adopted(reason: AdoptionReason, runs: number): void;
  executorDied(): void;
  presenceHeld(held: boolean): void;
  swept(kind: string, rows: number): void;
  jobsRunning(count: number): void;
  jobFailed(task: string): void;
  /** Text in the Prometheus format. */
  text(): Promise<string>;
  contentType: string;
}

/** A registry of its own, so that several servers of one process (tests) do not share counts. */
export function createMetrics(options: { process: boolean } = { process: false }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.process) collectDefaultMetrics({ register: registry });

  function counter<L extends string>(name: string, help: string, labelNames: readonly L[] = []): Counter<L> {
    return new Counter({ name: `fermata_${name}`, help, labelNames, registers });
  }
  function gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `fermata_${name}`, help, registers });
  }
  function histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `fermata_${name}`, help, buckets, registers });
  }

  const live = gauge('segments_live', 'Runs that this process is driving now');
  const reserved = gauge('room_reserved', 'Room kept for claims that are being committed');
  const claims = counter('claims_total', 'Runs claimed, by where the claim came from', ['source']);
  const lostClaims = counter('claims_lost_total', 'Claims that came to nothing', ['source']);
  const segmentSeconds = histogram(
    'segment_seconds',
    'How long a segment drove its run',
    [0.01, 0.1, 1, 10, 60, 600, 3600],
  );
  const commits = counter('commits_total', 'Commands committed');
  const batchSize = histogram(
    'commit_batch_size',
    'Commands in one batch',
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  );
  const batchSeconds = histogram(
    'commit_seconds',
    'From the begin of a batch to its COMMIT',
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
  );
  const failures = counter(
    'commit_failures_total',
    'Commands that failed for another reason than a refusal',
    ['reason'],
  );
  const queue = gauge('commit_queue', 'Commands that wait for the next batch');
  const adoptions = counter('adoptions_total', 'Runs taken from a lost claim', ['reason']);
  const deaths = counter('executors_declared_dead_total', 'Processes that this one declared dead');
  const presence = gauge('presence_held', '1 while this process holds its presence lock');
  const sweeps = counter('swept_total', 'Rows that the sweep acted upon', ['kind']);
  const jobs = gauge('jobs_running', 'Background jobs that run in this process now');
  const jobFailures = counter('job_failures_total', 'Attempts of background jobs that failed', ['task']);

  return {
    segmentsLive: (count) => live.set(count),
    roomReserved: (count) => reserved.set(count),
    claimed: (source) => claims.inc({ source }),
    claimLost: (source) => lostClaims.inc({ source }),
    segmentEnded: (seconds) => segmentSeconds.observe(seconds),
    committed(batch) {
      commits.inc(batch.commands);
      batchSize.observe(batch.commands);
      batchSeconds.observe(batch.seconds);
    },
    commitFailed: (reason) => failures.inc({ reason }),
    commitQueue: (commands) => queue.set(commands),
    adopted: (reason, runs) => adoptions.inc({ reason }, runs),
    executorDied: () => deaths.inc(),
    presenceHeld: (held) => presence.set(held ? 1 : 0),
    swept: (kind, rows) => sweeps.inc({ kind }, rows),
    jobsRunning: (count) => jobs.set(count),
    jobFailed: (task) => jobFailures.inc({ task }),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
