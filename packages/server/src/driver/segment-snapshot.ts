import { saveTranscript } from '../eventlog/snapshot.ts';
import { runFields, type Segment } from './segment-context.ts';

const saved = new WeakMap<Segment, number>();

/**
 * After every so many turns, keeps the transcript, so that the next segment starts from it. Never waited for. The
 * longer the run, the rarer: a snapshot is as big as the transcript, and a tenth of it is read quickly.
 */
export function saveSnapshotWhenDue(segment: Segment): void {
  const { deps, log, limits, run } = segment;
  const { number, phase } = log.state.turn;
  if (phase !== 'done' || number === 0 || number % intervalOf(number, limits.snapshotTurns) !== 0) return;
  if (saved.get(segment) === number) return;
  saved.set(segment, number);
  const { messages, flow, ...rest } = log.transcript;
  const copy = { ...rest, messages: structuredClone(messages), flow: structuredClone(flow) };
  saveTranscript(deps.snapshots, run.runId, copy).catch((error: unknown) => {
    deps.log.warn({ ...runFields(run), error }, 'a snapshot could not be kept');
  });
}

function intervalOf(turns: number, shortest: number): number {
  let interval = shortest;
  while (turns >= interval * 100) interval *= 10;
  return interval;
}
