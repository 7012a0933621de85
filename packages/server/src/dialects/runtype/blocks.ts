import type { FrameDraft } from './frame.ts';

export type BlockKind = 'text' | 'reasoning';

/**
 * The blocks of text and reasoning of one model call. Nothing on this wire takes text back, so a later attempt says
 * nothing while it repeats what was sent, then only the rest; where it differs, its text stands in a block of its own.
 */
export interface Blocks {
  /** A new call: `id` makes ids of blocks, `open` what every first frame of a block carries. */
  begin(id: string, opening: BlockOpening): void;
  /** Another attempt at the same call. */
  again(): void;
  delta(kind: BlockKind, part: number, text: string): FrameDraft[];
  /** The call has ended with these parts, in order. */
  complete(parts: readonly { kind: BlockKind; text: string }[]): FrameDraft[];
  close(): FrameDraft[];
  /** What a reader that comes in the middle of a block must be told first. */
  reopened(): FrameDraft[];
}

export interface BlockOpening {
  role?: 'assistant';
  turnId?: string;
  stepId?: string;
}

interface OpenBlock {
  key: string;
  kind: BlockKind;
  id: string;
  text: string;
}

export function createBlocks(): Blocks {
  let base = '';
  let opening: BlockOpening = {};
  let count = 0;
  let open: OpenBlock | null = null;
  /** What frames have carried, and what the attempt has said so far, by part. */
  const carried = new Map<string, string>();
  const current = new Map<string, string>();

  function begin(id: string, fields: BlockOpening): void {
    base = id;
    opening = fields;
    count = 0;
    carried.clear();
    current.clear();
  }

  function close(): FrameDraft[] {
    if (open === null) return [];
    const { kind, id, text } = open;
    open = null;
    return [{ type: `${kind}_complete`, id, text }];
  }

  function start({ kind, id }: Pick<OpenBlock, 'kind' | 'id'>): FrameDraft {
    return kind === 'text'
      ? { type: 'text_start', id, ...opening }
      : { type: 'reasoning_start', id, scope: 'turn', ...opening };
  }

  function append(key: string, kind: BlockKind, text: string, isNew: boolean): FrameDraft[] {
    const frames: FrameDraft[] = [];
    if (isNew || open?.key !== key) {
      frames.push(...close());
      count += 1;
      open = { key, kind, id: `${kind === 'text' ? 'text' : 'reason'}_${base}_${count}`, text: '' };
      frames.push(start(open));
    }
    open.text += text;
    frames.push({ type: `${kind}_delta`, id: open.id, delta: text });
    return frames;
  }

  /** The attempt has said `said` of a part so far; `isWhole`: and says no more of it. */
  function advance(key: string, kind: BlockKind, said: string, isWhole: boolean): FrameDraft[] {
    const before = carried.get(key) ?? '';
    const isSame = said === before || (!isWhole && before.startsWith(said));
    if (isSame) return [];
    carried.set(key, said);
    return said.startsWith(before)
      ? append(key, kind, said.slice(before.length), false)
      : append(key, kind, said, true);
  }

  function delta(kind: BlockKind, part: number, text: string): FrameDraft[] {
    const key = `${kind}:${part}`;
    const said = (current.get(key) ?? '') + text;
    current.set(key, said);
    return advance(key, kind, said, false);
  }

  function complete(parts: readonly { kind: BlockKind; text: string }[]): FrameDraft[] {
    const keys = { text: keysOf('text'), reasoning: keysOf('reasoning') };
    const frames = parts.flatMap(({ kind, text }, index) => {
      if (text === '') return [];
      return advance(keys[kind].shift() ?? `${kind}:whole-${index}`, kind, text, true);
    });
    return [...frames, ...close()];
  }

  /** Parts of the attempt, in the order in which they began. */
  function keysOf(kind: BlockKind): string[] {
    return [...current.keys()].filter((key) => key.startsWith(`${kind}:`));
  }

  return {
    begin,
    again: () => current.clear(),
    delta,
    complete,
    close,
    reopened: () => (open === null ? [] : [start(open)]),
  };
}
