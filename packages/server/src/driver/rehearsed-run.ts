import type { RunError, RunEvent, WaitBody } from '@fermata/protocol';
import type { Command, DecisionFacts } from '../engine/commands.ts';
import { decide } from '../engine/decide.ts';
import { EngineError } from '../engine/errors.ts';
import { learn } from '../engine/facts.ts';
import type { RunState } from '../engine/state.ts';
import { applyToTranscript, type Transcript } from '../eventlog/fold.ts';

/** A run whose commits are decided and kept by nobody. */
export interface RehearsedRun {
  readonly state: RunState;
  /** A segment lives that drives the run. */
  readonly isDriven: boolean;
  /** Waits that were opened by these commits. */
  readonly opened: readonly WaitBody[];
  /** Why the run has failed by these commits, or null. */
  readonly error: RunError | null;
  readonly transcript: Transcript;
  /** One commit; one that is refused changes nothing, as its segment would look at the run again. */
  commit(...commands: Command[]): void;
}

export interface RehearsedRunOptions {
  state: RunState;
  facts: DecisionFacts;
  /** RFC 3339. */
  now: string;
  /** Up to the head of `state`; changed in place. */
  transcript: Transcript;
}

export function createRehearsedRun({ now, transcript, ...begin }: RehearsedRunOptions): RehearsedRun {
  let { state, facts } = begin;
  let error: RunError | null = null;
  const opened: WaitBody[] = [];

  function decided(commands: readonly Command[]): readonly RunEvent[] {
    try {
      const { state: after, events } = decide(state, commands, now, facts);
      for (const event of events) facts = learn(facts, state, event);
      state = after;
      return events;
    } catch (refusal) {
      if (!(refusal instanceof EngineError) || refusal.code === 'internal') throw refusal;
      return [];
    }
  }

  return {
    get state() {
      return state;
    },
    get isDriven() {
      return facts.driven;
    },
    get error() {
      return error;
    },
    opened,
    transcript,
    commit(...commands) {
      for (const event of decided(commands)) {
        applyToTranscript(transcript, event);
        if (event.type === 'wait.opened') opened.push(event.data);
        if (event.type === 'run.failed') error = event.data.error;
      }
    },
  };
}
