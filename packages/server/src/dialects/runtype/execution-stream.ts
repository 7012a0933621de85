import { isTerminal, type Run, type RunEvent, type StreamEndReason, type Wait } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { Engine } from '../../engine/facade.ts';
import { openRunStream } from '../../http/run-stream.ts';
import { sseFrame, type EventStream } from '../../http/sse.ts';
import { createEncoder, type Encoder } from './events.ts';
import { frameId, frameText, FRAMES_PER_EVENT, type Frame, type FrameCursor } from './frame.ts';

/** Where an answer begins. */
export interface Beginning {
  /** Frames after this one; -1: all. */
  after: FrameCursor;
  /** The answer is the continuation of another: it says so, and in the middle of what it comes in. */
  isResumed: boolean;
  /** What is still asked for at a pause and was not asked in this answer: say it again. */
  restates: 'nothing' | 'awaits' | 'all';
  /** A frame to say first of all, beside the log; the same one of the log is left out. */
  first?: Frame;
  /** Waits that were answered just now; those of child runs may still stand open in the run's own view. */
  answered?: ReadonlySet<string>;
  /**
   * The approval that a streamed answer is about: it ends behind its decision if that left others to decide, and what
   * follows is told to whoever decides the last. Where the log says so, exactly one of several goes on.
   */
  endsBehind?: string;
}

export const FROM_START: Beginning = { after: -1, isResumed: false, restates: 'nothing' };

/** The continuation after what the log held at `seq`. */
export function continuing(seq: number, restates: Beginning['restates'] = 'awaits'): Beginning {
  return { after: (seq + 1) * FRAMES_PER_EVENT - 1, isResumed: true, restates };
}

export interface ExecutionRequest {
  engine: Engine;
  caller: Caller;
  runId: string;
  beginning: Beginning;
  signal: AbortSignal;
  /** A hold ends the frames too. */
  endsWhenHeld?: boolean;
}

/** Frames of an execution until it pauses or ends, and what the encoder has seen by then. */
export interface Execution {
  batches: AsyncGenerator<readonly Frame[], StreamEndReason | null, void>;
  encoder: Encoder;
  /** Id of the last frame, or null. */
  lastId(): string | null;
}

/**
 * An execution's frames from its log, live after that. They end when the run has ended, or when it waits for somebody
 * outside and nothing of it is at work: a hold, a timer or a child at work keeps them going.
 */
export async function followExecution(request: ExecutionRequest): Promise<Execution> {
  const { engine, caller, runId, beginning, signal } = request;
  const encoder = createEncoder(runId);
  // JSON tells what an execution has come to, so it waits for that.
  const endsBehind = request.endsWhenHeld === true ? undefined : beginning.endsBehind;
  const reader = createReader(encoder, beginning, endsBehind);
  const below = new Map<string, Wait>();
  const batches: Frame[][] = [];
  const texts = await openRunStream({
    engine,
    caller,
    runId,
    // What an event shows depends on those before it, so the log is read from its beginning.
    after: 0,
    signal,
    prepare: (batch) => readWaits(engine, caller, encoder, batch, below),
    encode(event) {
      const frames = reader.read(event, below);
      if (frames.length > 0) batches.push(frames);
      return frames.length > 0 ? MARK : [];
    },
    isOver: (run) => {
      if (reader.isOver()) return 'parked';
      const isHeld = request.endsWhenHeld === true && run.status === 'paused';
      return isHeld ? 'parked' : overBecause(run, encoder, beginning.answered);
    },
  });
  async function* follow(): AsyncGenerator<readonly Frame[], StreamEndReason | null, void> {
    let next = await texts.next();
    try {
      while (!next.done) {
        const frames = batches.splice(0).flat();
        if (frames.length > 0) yield frames;
        if (reader.isOver()) return 'parked';
        next = await texts.next();
      }
    } finally {
      await texts.return(null);
    }
    const rest = next.value === 'parked' ? reader.restate() : [];
    if (rest.length > 0) yield rest;
    return next.value;
  }
  return { batches: follow(), encoder, lastId: () => reader.lastId() };
}

const MARK: readonly string[] = [''];

function overBecause(
  run: Run,
  encoder: Encoder,
  answered: ReadonlySet<string> = new Set(),
): StreamEndReason | null {
  if (isTerminal(run.status)) return 'finished';
  const isAsking = run.openWaits.some(
    ({ id, kind }) => kind !== 'timer' && kind !== 'run' && !answered.has(id),
  );
  return run.status === 'waiting' && isAsking && !encoder.isChildAtWork() ? 'parked' : null;
}

/** Waits of child runs that the events name: their logs hold what is asked. */
async function readWaits(
  engine: Engine,
  caller: Caller,
  encoder: Encoder,
  batch: readonly RunEvent[],
  below: Map<string, Wait>,
): Promise<void> {
  for (const id of new Set(batch.flatMap((event) => encoder.needs(event)))) {
    try {
      below.set(id, await engine.waits.get(caller, id));
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'not_found') throw error;
    }
  }
}

interface Reader {
  read(event: RunEvent, below: ReadonlyMap<string, Wait>): Frame[];
  restate(): Frame[];
  /** The answer has come to where it ends, whatever the run does. */
  isOver(): boolean;
  lastId(): string | null;
}

function createReader(
  encoder: Encoder,
  { after, isResumed, restates, first }: Beginning,
  endsBehind: string | undefined,
): Reader {
  const afterSeq = Math.floor(after / FRAMES_PER_EVENT);
  const told = new Set<unknown>();
  let last: FrameCursor | null = null;
  let isBegun = !isResumed;
  let isOver = false;

  function begin(): Frame[] {
    isBegun = true;
    const frames = [
      ...encoder.resumed(last ?? 0),
      ...(first === undefined ? [] : [{ ...first, seq: last ?? 0 }]),
    ];
    return frames;
  }

  return {
    read(event, below) {
      if (isOver) return [];
      const before = !isBegun && event.seq > afterSeq ? begin() : [];
      const all = encoder.encode(event, below);
      const decided = all.findIndex((frame) => isDecisionOf(frame, endsBehind));
      isOver = decided >= 0 && isMoreToDecide(encoder, all.slice(decided + 1));
      const encoded = isOver ? all.slice(0, decided + 1) : all;
      const fresh = encoded.filter((frame) => frame.seq > after && !isSame(frame, first));
      for (const frame of fresh) told.add(frame['approvalId'] ?? frame['toolId']);
      last = encoded.at(-1)?.seq ?? last;
      const behind = !isBegun && event.seq === afterSeq ? begin() : [];
      return [...before, ...fresh, ...behind];
    },
    restate() {
      if (restates === 'nothing') return [];
      return encoder
        .pending(last ?? 0)
        .filter(({ waitId, frame }) => !told.has(waitId) && (restates === 'all' || frame.type === 'await'))
        .map(({ frame }) => frame);
    },
    isOver: () => isOver,
    lastId: () => (last === null ? null : frameId(last)),
  };
}

function isDecisionOf(frame: Frame, approvalId: string | undefined): boolean {
  return frame.type === 'approval_complete' && frame['approvalId'] === approvalId;
}

/** Approvals are left, or were decided in the same breath, and theirs is the answer that goes on. */
function isMoreToDecide(encoder: Encoder, behind: readonly Frame[]): boolean {
  const open = encoder.pending(0).some(({ frame }) => frame.type === 'approval_start');
  return open || behind.some(({ type }) => type === 'approval_complete');
}

function isSame(frame: Frame, first: Frame | undefined): boolean {
  return first !== undefined && frame.type === first.type && frame['approvalId'] === first['approvalId'];
}

/** An execution as a stream of this wire. An end that is not the run's own cuts the connection: readers come back. */
export async function openExecutionStream(request: ExecutionRequest): Promise<EventStream> {
  const { batches, lastId } = await followExecution(request);
  async function* texts(): AsyncGenerator<readonly string[], StreamEndReason | null, void> {
    let next = await batches.next();
    while (!next.done) {
      yield next.value.map(frameText);
      next = await batches.next();
    }
    return next.value;
  }
  const executionId = `exec_${request.runId}`;
  return {
    frames: texts(),
    heartbeatFrame: () => {
      const id = lastId();
      const ping = { type: 'ping', executionId, timestamp: new Date().toISOString() };
      return sseFrame('ping', ping, id ?? undefined);
    },
    endFrame: (reason) => (reason === 'finished' || reason === 'parked' ? '' : null),
  };
}
