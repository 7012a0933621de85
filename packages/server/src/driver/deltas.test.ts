import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelDelta } from '../agent/models/model-request.ts';
import type { CommandOf } from '../engine/commands.ts';
import { createDeltaStream } from './deltas.ts';
import { createTestClock, type TestClock } from './segment-clock.fixture.ts';

type Delta = CommandOf<'delta'>;

function openStream(options: { commitMs?: number; accepts?: () => boolean } = {}) {
  const clock: TestClock = createTestClock();
  const commits: { at: number; texts: string[] }[] = [];
  const startMs = clock.now();
  let inFlight = 0;
  const stream = createDeltaStream({
    turn: 1,
    attempt: 1,
    clock,
    async commit(commands) {
      inFlight += 1;
      expect(inFlight).toBe(1);
      commits.push({ at: clock.now() - startMs, texts: commands.map((command) => command.text) });
      if (options.commitMs !== undefined) await clock.sleep(options.commitMs, new AbortController().signal);
      inFlight -= 1;
      return options.accepts?.() ?? true;
    },
  });
  const text = (value: string, part = 0): ModelDelta => ({ part, channel: 'text', text: value });
  return { clock, commits, stream, text };
}

describe('a delta stream', () => {
  it('gathers what comes within 40 ms into one delta', async () => {
    const { clock, commits, stream, text } = openStream();
    stream.push(text('Good '));
    stream.push(text('day'));
    await clock.settle();
    expect(commits).toEqual([]);
    clock.advance();
    await clock.settle();
    expect(commits).toEqual([{ at: 40, texts: ['Good day'] }]);
    expect(await stream.end()).toEqual([]);
  });

  it('commits at once when 4 KB have come together, cut into pieces', async () => {
    const { clock, commits, stream, text } = openStream();
    stream.push(text('x'.repeat(9_000)));
    await clock.settle();
    expect(commits.map(({ at, texts }) => [at, texts.map((piece) => piece.length)])).toEqual([
      [0, [4096, 4096, 808]],
    ]);
  });

  it('gathers longer when commits are slow, but never longer than 250 ms', async () => {
    const { clock, commits, stream, text } = openStream({ commitMs: 500 });
    for (const word of ['a', 'b', 'c']) {
      stream.push(text(word));
      clock.advance();
      await clock.settle();
      stream.push(text(`${word}'`));
      clock.advance();
      await clock.settle();
    }
    const gaps = commits.map(({ at }, index) => at - (commits[index - 1]?.at ?? 0));
    expect(gaps).toEqual([40, 750, 750]);
  });

  it('never has two commits in flight, and keeps the order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            text: fc.string({ unit: 'grapheme', maxLength: 3000 }),
            part: fc.nat(2),
            wait: fc.boolean(),
          }),
          { maxLength: 20 },
        ),
        fc.nat(100),
        async (pushes, commitMs) => {
          const { clock, commits, stream, text } = openStream({ commitMs });
          for (const { text: piece, part, wait } of pushes) {
            stream.push(text(piece, part));
            if (wait) {
              await clock.settle();
              clock.advance();
            }
          }
          const rest = await clock.run(stream.end());
          const committed = [
            ...commits.flatMap(({ texts }) => texts),
            ...rest.map((delta: Delta) => delta.text),
          ];
          expect(committed.join('')).toBe(pushes.map((push) => push.text).join(''));
          for (const delta of committed) expect(delta.isWellFormed()).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  it('waits for the other half of a character that the provider has cut in two', async () => {
    const { clock, commits, stream, text } = openStream();
    stream.push(text('a\ud83d'));
    clock.advance();
    await clock.settle();
    stream.push(text('\ude00b'));
    clock.advance();
    await clock.settle();
    expect(commits.flatMap(({ texts }) => texts)).toEqual(['a', '😀b']);
  });

  it('gives what is left to the commit that completes the turn', async () => {
    const { clock, commits, stream, text } = openStream();
    stream.push(text('first'));
    clock.advance();
    await clock.settle();
    stream.push(text('second'));
    const rest = await stream.end();
    expect(commits).toHaveLength(1);
    expect(rest).toEqual([{ type: 'delta', turn: 1, attempt: 1, part: 0, channel: 'text', text: 'second' }]);
  });

  it('commits nothing more once a commit was refused', async () => {
    const { clock, commits, stream, text } = openStream({ accepts: () => false });
    stream.push(text('one'));
    clock.advance();
    await clock.settle();
    stream.push(text('two'));
    clock.advance();
    await clock.settle();
    expect(commits).toHaveLength(1);
    expect(await stream.end()).toEqual([]);
  });
});
