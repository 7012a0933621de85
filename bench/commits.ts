import { benchCommitter, by, externalRun, median, type BenchWorld, type Figure } from './world.ts';

const KILOBYTE = 'x'.repeat(1000);

/** The committer alone, against a bare one-row commit on the same server in the same run. */
export async function benchCommits(world: BenchWorld): Promise<Record<string, Figure>> {
  const { sql } = world.session;
  await sql`create table if not exists bare (id int generated always as identity primary key, data text)`;
  await using committer = benchCommitter(world.target);
  const note = async (runId: string): Promise<void> => {
    await committer.commit({
      runId,
      organizationId: 1,
      commands: [
        { type: 'note', by, note: { by, noteType: 'step', summary: null, data: KILOBYTE, key: null } },
      ],
    });
  };
  const newRun = async (): Promise<string> => {
    const run = externalRun();
    await committer.commit({ create: run });
    return run.runId;
  };

  const bareMs: number[] = [];
  const loneMs: number[] = [];
  const lone = await newRun();
  for (let index = 0; index < 600; index++) {
    const started = performance.now();
    await sql`insert into bare (data) values (${KILOBYTE})`;
    const middle = performance.now();
    await note(lone);
    if (index < 100) continue;
    bareMs.push(middle - started);
    loneMs.push(performance.now() - middle);
  }
  const bare = median(bareMs);
  const figures: Record<string, Figure> = {
    bare_commit_ms: { value: bare, unit: 'ms', note: 'median insert of one 1 KB row, autocommit' },
    lone_step_ms: { value: median(loneMs), unit: 'ms', baseline: bare, ratio: median(loneMs) / bare },
  };
  for (const runs of [1, 32, 256]) {
    const ids = await Promise.all(Array.from({ length: runs }, newRun));
    await drive(ids, 1, note);
    const perSecond = await drive(ids, runs === 1 ? 2 : 4, note);
    const baseline = 1000 / bare;
    figures[`steps_per_s_${runs}`] = {
      value: perSecond,
      unit: '1/s',
      baseline,
      ratio: perSecond / baseline,
      note: 'one-KB durable steps; baseline: bare commits one after another',
    };
  }
  Object.assign(figures, await benchDepth(note, newRun));
  return figures;
}

async function drive(
  ids: string[],
  seconds: number,
  step: (runId: string) => Promise<void>,
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const started = performance.now();
  let steps = 0;
  await Promise.all(
    ids.map(async (id) => {
      while (performance.now() < until) {
        await step(id);
        steps += 1;
      }
    }),
  );
  return steps / ((performance.now() - started) / 1000);
}

/** Step 10,000 of a run beside step 100 of another, in turns, so that both see the same machine. */
async function benchDepth(
  step: (runId: string) => Promise<void>,
  newRun: () => Promise<string>,
): Promise<Record<string, Figure>> {
  const deep = await newRun();
  while ((await countUp(deep, 100, step)) < 9_900);
  const young = await newRun();
  for (let index = 0; index < 100; index++) await step(young);
  const deepMs: number[] = [];
  const youngMs: number[] = [];
  for (let index = 0; index < 200; index++) {
    const started = performance.now();
    await step(young);
    const middle = performance.now();
    await step(deep);
    youngMs.push(middle - started);
    deepMs.push(performance.now() - middle);
  }
  const baseline = median(youngMs);
  const value = median(deepMs);
  counts.clear();
  return {
    step_10000_over_step_100: { value: value / baseline, unit: 'x', baseline: 1, ratio: value / baseline },
  };
}

const counts = new Map<string, number>();

async function countUp(runId: string, by: number, step: (runId: string) => Promise<void>): Promise<number> {
  await Promise.all(Array.from({ length: by }, () => step(runId)));
  const count = (counts.get(runId) ?? 0) + by;
  counts.set(runId, count);
  return count;
}
