import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBlocks, type Blocks } from './blocks.ts';
import type { FrameDraft } from './frame.ts';

const pieces = fc.array(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 6 });

function begun(): Blocks {
  const blocks = createBlocks();
  blocks.begin('x_1', { role: 'assistant' });
  return blocks;
}

function say(blocks: Blocks, texts: readonly string[], part = 0): FrameDraft[] {
  return texts.flatMap((text) => blocks.delta('text', part, text));
}

function whole(blocks: Blocks, text: string): FrameDraft[] {
  return blocks.complete([{ kind: 'text', text }]);
}

const deltas = (frames: readonly FrameDraft[]): string =>
  frames.flatMap((frame) => (frame.type === 'text_delta' ? [String(frame['delta'])] : [])).join('');
const types = (frames: readonly FrameDraft[]): string[] => frames.map((frame) => frame.type);

describe('blocks', () => {
  it('open at the first words, grow, and close with all of them', () => {
    const blocks = begun();
    const frames = [...say(blocks, ['Hel', 'lo']), ...whole(blocks, 'Hello')];
    expect(frames).toEqual([
      { type: 'text_start', id: 'text_x_1_1', role: 'assistant' },
      { type: 'text_delta', id: 'text_x_1_1', delta: 'Hel' },
      { type: 'text_delta', id: 'text_x_1_1', delta: 'lo' },
      { type: 'text_complete', id: 'text_x_1_1', text: 'Hello' },
    ]);
  });

  it('say nothing of an attempt that repeats what was sent, then only the rest', () => {
    const blocks = begun();
    const before = say(blocks, ['Hello wor']);
    blocks.again();
    expect(say(blocks, ['Hel', 'lo w'])).toEqual([]);
    const after = [...say(blocks, ['orld', '!']), ...whole(blocks, 'Hello world!')];
    expect(types(after)).toEqual(['text_delta', 'text_delta', 'text_complete']);
    expect(deltas([...before, ...after])).toBe('Hello world!');
  });

  it('put an attempt that says something else into a block of its own', () => {
    const blocks = begun();
    const before = say(blocks, ['Hello']);
    blocks.again();
    const after = [...say(blocks, ['Help', ' me']), ...whole(blocks, 'Help me')];
    expect(types(after)).toEqual([
      'text_complete',
      'text_start',
      'text_delta',
      'text_delta',
      'text_complete',
    ]);
    expect(after[0]).toMatchObject({ id: before[0]?.['id'], text: 'Hello' });
    expect(after.at(-1)).toMatchObject({ text: 'Help me' });
  });

  it('tell an attempt that ends before what was sent', () => {
    const blocks = begun();
    say(blocks, ['Hello world']);
    blocks.again();
    say(blocks, ['Hello']);
    const end = whole(blocks, 'Hello');
    expect(types(end)).toEqual(['text_complete', 'text_start', 'text_delta', 'text_complete']);
    expect(end.at(-1)).toMatchObject({ text: 'Hello' });
  });

  it('keep thoughts and words apart, in the order in which they come', () => {
    const blocks = begun();
    const frames = [
      ...blocks.delta('reasoning', 0, 'Hm'),
      ...blocks.delta('text', 1, 'Yes'),
      ...blocks.complete([
        { kind: 'reasoning', text: 'Hm' },
        { kind: 'text', text: 'Yes' },
      ]),
    ];
    expect(types(frames)).toEqual([
      'reasoning_start',
      'reasoning_delta',
      'reasoning_complete',
      'text_start',
      'text_delta',
      'text_complete',
    ]);
    expect(new Set(frames.map((frame) => frame['id'])).size).toBe(2);
  });

  it('send the words of a call that said nothing before its end', () => {
    expect(deltas(whole(begun(), 'All at once'))).toBe('All at once');
    expect(whole(begun(), '')).toEqual([]);
  });

  it('end with the text of the last attempt, whatever came before, and close what they open', () => {
    fc.assert(
      fc.property(fc.array(pieces, { minLength: 1, maxLength: 4 }), fc.boolean(), (attempts, isGrowing) => {
        const blocks = begun();
        const frames: FrameDraft[] = [];
        let said: string[] = [];
        for (const [index, attempt] of attempts.entries()) {
          if (index > 0) blocks.again();
          // An attempt either goes on from the one before, as with the same seed, or says something else.
          said = isGrowing ? [...said, ...attempt] : attempt;
          frames.push(...say(blocks, said));
        }
        const text = said.join('');
        frames.push(...whole(blocks, text));
        const starts = frames.filter(({ type }) => type === 'text_start').map((frame) => frame['id']);
        const ends = frames.filter(({ type }) => type === 'text_complete').map((frame) => frame['id']);
        expect(ends).toEqual(starts);
        expect(new Set(starts).size).toBe(starts.length);
        if (isGrowing) expect(deltas(frames)).toBe(text);
        else if (text !== '') expect(frames.at(-1)).toMatchObject({ type: 'text_complete', text });
        for (const id of starts) {
          const own = frames.filter((frame) => frame['id'] === id);
          expect(deltas(own)).toBe(own.at(-1)?.['text']);
        }
      }),
    );
  });
});
