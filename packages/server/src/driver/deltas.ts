import { cutText, storableText } from '@fermata/protocol';
import type { ModelDelta } from '../agent/models/model-request.ts';
import type { CommandOf } from '../engine/commands.ts';
import { crashPoint } from '../observe/crash-point.ts';
import type { SegmentClock } from './segment-ports.ts';

const GATHER_MS = 40;
const SLOWEST_MS = 250;
const FULL_LENGTH = 4_096;
/** A commit is awaited for at most this share of the time, so that deltas give way as the committer gets slow. */
const COMMIT_SHARE = 4;

export interface DeltaStream {
  push(delta: ModelDelta): void;
  /** Ends the stream. Returns what is not committed yet, for the commit that completes the turn. */
  end(): Promise<CommandOf<'delta'>[]>;
}

export interface DeltaStreamOptions {
  turn: number;
  attempt: number;
  clock: SegmentClock;
  /** False: nothing more can be committed on this turn. */
  commit(commands: CommandOf<'delta'>[]): Promise<boolean>;
}

/**
 * Gathers the deltas of one model call for about 40 ms or 4 KB, longer when commits take longer, and commits them
 * in order, one commit at a time.
 */
export function createDeltaStream(options: DeltaStreamOptions): DeltaStream {
  const { turn, attempt, clock } = options;
  let pending: ModelDelta[] = [];
  let length = 0;
  let gatherMs = GATHER_MS;
  let isEnded = false;
  let isRefused = false;
  let wake = new AbortController();
  let isPumping = false;
  let pumping: Promise<void> = Promise.resolve();

  function push(delta: ModelDelta): void {
    if (isEnded || isRefused || delta.text === '') return;
    const last = pending.at(-1);
    if (last !== undefined && last.part === delta.part && last.channel === delta.channel) {
      last.text += delta.text;
    } else {
      pending.push({ ...delta });
    }
    length += delta.text.length;
    if (length >= FULL_LENGTH) wake.abort();
    if (!isPumping) pumping = pump();
  }

  async function pump(): Promise<void> {
    isPumping = true;
    try {
      while (length > 0 && !isEnded && !isRefused) {
        wake = new AbortController();
        if (length < FULL_LENGTH) await clock.sleep(gatherMs, wake.signal);
        if (isEnded) return;
        const commands = takePending();
        if (commands.length === 0) return;
        const began = clock.now();
        isRefused = !(await options.commit(commands));
        gatherMs = Math.min(SLOWEST_MS, Math.max(GATHER_MS, (clock.now() - began) * COMMIT_SHARE));
        crashPoint('mid-delta');
      }
    } finally {
      isPumping = false;
    }
  }

  function takePending(): CommandOf<'delta'>[] {
    // Half a surrogate pair waits for its other half.
    const last = pending.at(-1);
    const rest = last === undefined || isEnded ? null : openHalf(last);
    if (rest !== null && last !== undefined) last.text = last.text.slice(0, -1);
    const taken = pending;
    pending = rest === null ? [] : [rest];
    length = rest === null ? 0 : rest.text.length;
    return taken.flatMap((delta) => cut({ ...delta, text: storableText(delta.text) })).map(command);
  }

  function command(delta: ModelDelta): CommandOf<'delta'> {
    return { type: 'delta', turn, attempt, ...delta };
  }

  async function end(): Promise<CommandOf<'delta'>[]> {
    isEnded = true;
    wake.abort();
    await pumping;
    return isRefused ? [] : takePending();
  }

  return { push, end };
}

function openHalf(delta: ModelDelta): ModelDelta | null {
  const last = delta.text.charCodeAt(delta.text.length - 1);
  return last >= 0xd800 && last <= 0xdbff ? { ...delta, text: delta.text.slice(-1) } : null;
}

function cut(delta: ModelDelta): ModelDelta[] {
  const pieces: ModelDelta[] = [];
  for (let rest = delta.text; rest !== '';) {
    const [head, tail] = cutText(rest, FULL_LENGTH);
    pieces.push({ ...delta, text: head });
    rest = tail;
  }
  return pieces;
}
