import type { Preview, Problem, Run, RunEvent, Wait } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Body, Reply } from '../../world/api-client.ts';
import { sharedWorld } from '../../world/server.ts';
import { COMMANDS, commandOf, TOOLS, turnArbitrary, type Command, type Op } from './random-commands.ts';

const world = sharedWorld();

/** Rounds, runs that are played side by side in each, and commands on each of them. */
const ROUNDS = Number(process.env['FERMATA_TEST_PREVIEW_ROUNDS'] ?? 10);
const WIDTH = 5;
const LONGEST = 14;
const TIME_LIMIT_MS = 240_000;

const opArbitrary: fc.Arbitrary<Op> = fc.record({
  command: fc.constantFrom(...COMMANDS),
  a: fc.nat({ max: 11 }),
  b: fc.nat({ max: 11 }),
  c: fc.nat({ max: 11 }),
});

const runArbitrary = fc.record({
  turns: fc.array(turnArbitrary, { minLength: 1, maxLength: 4 }),
  limits: fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    fc.record({ maxTurns: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ maxToolCalls: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ maxTokens: fc.integer({ min: 1, max: 60 }) }),
  ),
  onLimit: fc.constantFrom('pause', 'fail'),
  pausesAtOnce: fc.constantFrom(true, false, false),
  ops: fc.array(opArbitrary, { minLength: 3, maxLength: LONGEST, size: 'max' }),
});

type RandomRun = typeof runArbitrary extends fc.Arbitrary<infer T> ? T : never;

/** How often each outcome was foretold, so that it shows when the test tests less than it seems to. */
const foretold = new Map<string, number>();

describe('a preview', () => {
  it(
    'of any command on any parked run moves nothing, and comes true when the command is given in earnest',
    { timeout: TIME_LIMIT_MS },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(runArbitrary, { minLength: WIDTH, maxLength: WIDTH }), async (runs) => {
          await Promise.all(runs.map(play));
        }),
        { numRuns: ROUNDS, endOnFailure: true },
      );
      console.log(`foretold: ${[...foretold].map(([what, times]) => `${what} ${times}`).join(', ')}`);
      // The common ones; each of the others has an example of its own beside this.
      for (const what of ['turn', 'waits', 'held', 'refused']) {
        expect([what, (foretold.get(what) ?? 0) > 0]).toEqual([what, true]);
      }
    },
  );
});

async function play({ turns, limits, onLimit, pausesAtOnce, ops }: RandomRun): Promise<void> {
  const { api } = world();
  const script = [...turns, ...Array.from({ length: 12 }, () => ({ text: 'done' }))];
  const run = await world().script(script, { tools: TOOLS(world().target.url), limits, onLimit });
  // Wherever it gets to: before the first turn, between model and tools, or where it would park anyway.
  if (pausesAtOnce) await api.request('POST', `/v1/runs/${run.id}/pause`, { body: {} });
  for (const op of ops) {
    const parked = await api.parked(run.id);
    const command = commandOf(op, parked, await api.openWaits(run.id), await api.events(run.id));
    if (command === null) continue;
    if (command.isForetold) await foretellAndDo(parked, command);
    else await api.request('POST', command.path, { body: command.body });
  }
}

function count(what: string): void {
  foretold.set(what, (foretold.get(what) ?? 0) + 1);
}

async function foretellAndDo(run: Run, command: Command): Promise<void> {
  const { api } = world();
  const body = { body: command.body };
  const told = await api.request<{ preview: Preview }>('POST', `${command.path}?dryRun=true`, body);
  expect((await api.run(run.id)).head).toBe(run.head);
  const done = await api.request<{ run: Run; changed: boolean; wait?: Wait | null }>(
    'POST',
    command.path,
    body,
  );
  if (done.status >= 300) {
    count('refused');
    expect(refusalOf(told)).toEqual(refusalOf(done));
    return;
  }
  expect([told.status, told.text]).toEqual([200, told.text]);
  const { preview } = told.body;
  count(preview.next);
  if (preview.turn?.when === 'after_calls') count('after_calls');
  if (preview.opens.length > 0) count('opens');
  const parked = await api.parked(run.id);
  const events = (await api.events(run.id)).filter((event) => event.type !== 'message.delta');
  const own = events.filter((event) => event.seq > run.head && event.seq <= done.body.run.head);
  const later = events.filter((event) => event.seq > done.body.run.head);
  try {
    expect(preview.changed).toBe(done.body.changed);
    expectStatus(preview, done.body.run);
    expect(preview.closes).toEqual(own.flatMap(closed));
    expectWhatFollowed(preview, { before: run.head, events, later, parked });
  } catch (error) {
    const seen = events.filter((event) => event.seq > run.head).map((event) => event.type);
    const shown = JSON.stringify({ command, preview, status: run.status, seen }, null, 1);
    throw new Error(`${String(error)}\n${shown}`, { cause: error });
  }
}

/** A run that has not begun may be claimed, and so begun, in the commit of the command. */
function expectStatus(preview: Preview, run: Run): void {
  const isBegun = preview.status === 'queued' && run.status === 'running';
  expect(isBegun ? 'queued' : run.status).toBe(preview.status);
}

interface Followed {
  before: number;
  events: RunEvent[];
  later: RunEvent[];
  parked: Run;
}

function expectWhatFollowed(preview: Preview, { before, events, later, parked }: Followed): void {
  const turn = later.find((event) => event.type === 'turn.started');
  const untilTurn = later.filter((event) => turn === undefined || event.seq < turn.seq);
  const requested = untilTurn.flatMap((event) => {
    if (event.type !== 'tool.started') return [];
    const { callId, tool, attempt, idempotencyKey } = event.data;
    const sent = world().target.seen.find((request) => request.key === idempotencyKey);
    return [{ callId, tool, attempt, idempotencyKey, args: JSON.parse(sent?.body ?? 'null') as unknown }];
  });
  const foretoldRequests = preview.calls
    .filter((call) => call.outcome === 'request')
    .map(({ callId, tool, attempt, idempotencyKey, args }) => ({
      callId,
      tool,
      attempt,
      idempotencyKey,
      args,
    }));
  expect(foretoldRequests).toEqual(requested);
  const failed = untilTurn.flatMap((event) =>
    // With an actor it is an answer: one that was kept until its wait was opened.
    event.type === 'tool.failed' && event.data.by === null
      ? [{ callId: event.data.callId, error: event.data.error }]
      : [],
  );
  expect(
    preview.calls.filter((call) => call.outcome === 'fail').map(({ callId, error }) => ({ callId, error })),
  ).toEqual(failed);
  const isResolved = new Set(
    untilTurn.flatMap((event) => (event.type === 'wait.resolved' ? [event.data.waitId] : [])),
  );
  const opened = untilTurn.flatMap((event) =>
    event.type === 'wait.opened' && !isResolved.has(event.data.id) ? [event.data] : [],
  );
  expect(preview.opens.map(withoutTimes)).toEqual(opened.map(({ id: _id, ...body }) => withoutTimes(body)));

  if (turn === undefined || turn.type !== 'turn.started') {
    expect(preview.turn).toBeNull();
    const open = [...preview.openWaits.map((wait) => wait.id), ...opened.map((wait) => wait.id)];
    expect(parked.openWaits.map((wait) => wait.id).sort()).toEqual(open.sort());
    // What comes after the calls is foretold only if it is a turn.
    if (preview.next === 'calls') return;
    expect(preview.comesTo).toBe(parked.status);
    expect(preview.holds.map((hold) => hold.name)).toEqual(parked.holds.map((hold) => hold.name));
    expect(preview.error).toEqual(parked.error);
    return;
  }
  const { turn: number, attempt, model, through } = turn.data;
  const last = events.findLast((event) => event.type === 'turn.started' && event.seq <= before);
  const from = last?.type === 'turn.started' ? last.data.through : 0;
  const messages = events.filter(
    (event) => event.type === 'message.received' && event.seq > from && event.seq <= through,
  ).length;
  const when = requested.length === 0 ? 'now' : 'after_calls';
  expect(preview.turn).toEqual({ number, attempt, model, when, messages });
}

function closed(event: RunEvent): Preview['closes'] {
  if (event.type !== 'wait.resolved' && event.type !== 'wait.superseded' && event.type !== 'wait.cancelled') {
    return [];
  }
  const { waitId, callId, resolution } = event.data;
  return [{ waitId, callId, outcome: resolution.outcome }];
}

/** A wait whose deadline counts from its opening has another one each time. */
function withoutTimes({ deadlineAt, prompt, ...wait }: Body): Body {
  return {
    ...wait,
    hasDeadline: typeof deadlineAt === 'string',
    prompt: wait['kind'] === 'timer' ? '' : prompt,
  };
}

/** All of a refusal but what names the one request, and the time of what is decided anew each time. */
function refusalOf(reply: Reply): unknown {
  const { instance: _instance, ...problem } = reply.body as Problem;
  return problem;
}
