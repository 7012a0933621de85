// The lifecycle once more, as simply as it can be said, from the table and the rules of the design alone. It knows
// nothing of events, folds or deciders; the engine must agree with it whatever happens.

export type Ended = 'succeeded' | 'failed' | 'cancelled';
export type Status = 'queued' | 'running' | 'pausing' | 'paused' | 'waiting' | Ended;
export type Kind = 'approval' | 'tool_output' | 'input' | 'timer' | 'in_doubt' | 'run';

/** A step of a deadline ladder: tells or assigns somebody, gives an answer, or ends the wait. All are overdue. */
export type Rung = 'tell' | 'assign' | 'yes' | 'no' | 'end';

export type Step =
  | { do: 'pause'; hold: string; now: boolean; stopClock: boolean }
  | { do: 'resume'; hold: string | null }
  | { do: 'answer'; wait: number; yes: boolean; who: 'anna' | 'ben' }
  | { do: 'message'; id: string; onWaiting: 'queue' | 'supersede' | null; resume: boolean; reopen: boolean }
  | { do: 'end'; status: 'succeeded' | 'failed' }
  | { do: 'cancel' }
  | { do: 'retry' }
  | { do: 'seal'; sealed: boolean }
  | { do: 'expire'; wait: number }
  | { do: 'child_ends'; wait: number }
  | { do: 'claim' }
  | { do: 'start_turn' }
  | { do: 'answer_turn'; calls: number }
  | { do: 'fail_turn'; then: 'retry' | 'hold' | 'fail' }
  | { do: 'start_call'; call: number }
  | { do: 'end_call'; call: number; well: boolean }
  | { do: 'open_wait'; call: number; kind: Kind; ladder: Rung[] }
  | { do: 'give_back' }
  | { do: 'finish' };

/** What the engine must do: change something, accept without a change, or refuse with that code. */
export type Outcome = 'changed' | 'same' | { refused: string };

interface Call {
  id: string;
  at: 'ready' | 'flight' | 'doubt' | 'waiting' | 'given_up';
}
interface Wait {
  id: string;
  kind: Kind;
  call: string;
  /** What is left of its ladder. */
  ladder: Rung[];
}

export interface Model {
  started: boolean;
  ended: Ended | null;
  sealed: boolean;
  holds: Map<string, { stopClock: boolean }>;
  turn: number;
  /** Of the turn: `asking` the model, `asked` it and to ask again, `doing` the calls, `done`. */
  stage: 'asking' | 'asked' | 'doing' | 'done';
  hadCalls: boolean;
  calls: Call[];
  waits: Wait[];
  inbox: string[];
  messages: Set<string>;
  /** Every wait that was ever opened, in order; who decided it, and how. */
  all: { id: string; closed: { who: string; yes: boolean } | null }[];
  /** Waits for child runs that have not ended, open or not. */
  children: Set<string>;
}

export function newModel(): Model {
  return {
    started: false,
    ended: null,
    sealed: false,
    holds: new Map(),
    turn: 0,
    stage: 'done',
    hadCalls: false,
    calls: [],
    waits: [],
    inbox: [],
    messages: new Set(),
    all: [],
    children: new Set(),
  };
}

function inFlight(model: Model): boolean {
  return model.stage === 'asking' || model.calls.some((call) => call.at === 'flight');
}

export function statusOf(model: Model): Status {
  if (model.ended !== null) return model.ended;
  if (model.holds.size > 0) return inFlight(model) ? 'pausing' : 'paused';
  if (!model.started) return 'queued';
  const hasWork = model.stage === 'doing' ? model.calls.some((call) => call.at !== 'waiting') : true;
  return hasWork || model.waits.length === 0 ? 'running' : 'waiting';
}

const refused = (code: string): Outcome => ({ refused: code });
const NO = refused('invalid_transition');

/** Does the step to the model, and says what the engine must have done. */
export function step(model: Model, doing: Step): Outcome {
  const status = statusOf(model);
  switch (doing.do) {
    case 'pause':
      return pause(model, doing);
    case 'resume':
      return model.ended === null ? resume(model, doing.hold) : NO;
    case 'answer':
      return answer(model, doing);
    case 'message':
      return message(model, status, doing);
    case 'end':
      if (model.ended !== null) return model.ended === doing.status ? 'same' : NO;
      return end(model, doing.status);
    case 'cancel':
      if (model.ended !== null) return model.ended === 'cancelled' ? 'same' : NO;
      return end(model, 'cancelled');
    case 'retry':
      if (model.ended !== 'failed') return NO;
      return model.sealed ? refused('sealed') : reopen(model, true);
    case 'seal': {
      const before = model.sealed;
      model.sealed = doing.sealed;
      return before === doing.sealed ? 'same' : 'changed';
    }
    case 'expire':
      return expire(model, doing.wait);
    case 'child_ends':
      return childEnds(model, doing.wait);
    case 'claim':
      if (status !== 'queued' && status !== 'running' && status !== 'pausing') return NO;
      model.started = true;
      return 'changed';
    default:
      return drive(model, status, doing);
  }
}

function pause(model: Model, doing: Step & { do: 'pause' }): Outcome {
  if (model.ended !== null) return NO;
  const isOn = model.holds.has(doing.hold);
  const aborts = doing.now && inFlight(model);
  if (!isOn) model.holds.set(doing.hold, { stopClock: doing.stopClock });
  if (doing.now) stop(model);
  return isOn && !aborts ? 'same' : 'changed';
}

function resume(model: Model, hold: string | null): Outcome {
  const names = hold === null ? ['operator', 'provider', 'budget'] : [hold];
  const released = names.filter((name) => model.holds.has(name));
  if (hold === null && released.length === 0 && model.holds.size > 0) return refused('held');
  for (const name of released) model.holds.delete(name);
  return released.length > 0 ? 'changed' : 'same';
}

function answer(model: Model, { wait: index, yes, who }: Step & { do: 'answer' }): Outcome {
  const known = model.all[index % Math.max(1, model.all.length)];
  if (known === undefined) return refused('not_found');
  if (known.closed !== null) {
    return known.closed.who === who && known.closed.yes === yes ? 'same' : refused('wait_closed');
  }
  if (model.waits.some((open) => open.id === known.id && open.kind === 'run'))
    return refused('invalid_request');
  decideWait(model, known, who, yes);
  return 'changed';
}

function decideWait(model: Model, known: Model['all'][number], who: string, yes: boolean): void {
  known.closed = { who, yes };
  const wait = take(model, known.id);
  // A doubt of which a person says no is tried again; any other no, and any other yes but an approval, is a result.
  const goesOn = (wait.kind === 'approval' && yes) || (wait.kind === 'in_doubt' && !yes);
  if (goesOn) callOf(model, wait.call).at = 'ready';
  else result(model, wait.call);
}

function expire(model: Model, index: number): Outcome {
  const known = model.all[index % Math.max(1, model.all.length)];
  const wait = model.waits.find((open) => open.id === known?.id);
  if (known === undefined || wait === undefined || model.ended !== null) return 'same';
  const stands = [...model.holds.values()].some((hold) => hold.stopClock);
  if (stands && wait.kind !== 'timer') return 'same';
  const next = wait.kind === 'timer' ? 'end' : wait.ladder.shift();
  // Nobody answers for a child; what would is taken for the end.
  const rung = wait.kind === 'run' && (next === 'yes' || next === 'no') ? 'end' : next;
  if (rung === undefined) return 'same';
  if (rung === 'tell' || rung === 'assign') return 'changed';
  if (rung !== 'end') {
    decideWait(model, known, 'deadline', rung === 'yes');
    return 'changed';
  }
  known.closed = { who: 'nobody', yes: false };
  result(model, take(model, wait.id).call);
  return 'changed';
}

/** Its result, unless nobody waits for it any more. */
function childEnds(model: Model, index: number): Outcome {
  const id = model.all[index % Math.max(1, model.all.length)]?.id ?? '';
  if (!model.children.delete(id)) return 'same';
  if (!model.waits.some((open) => open.id === id)) return 'changed';
  close(model, id);
  result(model, take(model, id).call);
  return 'changed';
}

function message(model: Model, status: Status, doing: Step & { do: 'message' }): Outcome {
  if (model.messages.has(doing.id)) return 'same';
  if (model.sealed) return refused('sealed');
  if (model.ended !== null) {
    if (!doing.reopen) return NO;
    reopen(model, false);
  } else {
    if (status === 'waiting' && doing.onWaiting === null) return refused('waits_open');
    const doubt = model.waits.some((wait) => wait.kind === 'in_doubt');
    if (doing.onWaiting === 'supersede' && doubt) return refused('waits_open');
    const releases = doing.resume && status !== 'waiting' && model.holds.size > 0;
    const names = ['operator', 'provider', 'budget'];
    if (releases && !names.some((name) => model.holds.has(name))) return refused('held');
    if (doing.onWaiting === 'supersede') {
      for (const wait of [...model.waits]) {
        close(model, wait.id);
        result(model, take(model, wait.id).call);
      }
    }
    if (releases) resume(model, null);
  }
  model.messages.add(doing.id);
  model.inbox.push(doing.id);
  return 'changed';
}

/** A child run can be started again. */
const AFTER_END: Partial<Record<Kind, Call['at']>> = { in_doubt: 'doubt', run: 'ready' };

function end(model: Model, status: Ended): Outcome {
  stop(model);
  for (const wait of [...model.waits]) {
    close(model, wait.id);
    callOf(model, take(model, wait.id).call).at = AFTER_END[wait.kind] ?? 'given_up';
  }
  model.ended = status;
  return 'changed';
}

function reopen(model: Model, again: boolean): Outcome {
  model.ended = null;
  model.holds.clear();
  for (const call of [...model.calls]) if (!again || call.at === 'given_up') result(model, call.id);
  return 'changed';
}

/** What a segment does. Whatever does not fit the moment has come too late. */
function drive(model: Model, status: Status, doing: Step): Outcome {
  const begins = status === 'running';
  const goesOn = begins || status === 'pausing';
  switch (doing.do) {
    case 'start_turn':
      if (!begins || model.stage === 'asking' || model.stage === 'doing') return NO;
      if (model.stage === 'done') model.turn += 1;
      model.stage = 'asking';
      model.inbox = [];
      return 'changed';
    case 'answer_turn': {
      if (!goesOn || model.stage !== 'asking') return NO;
      const ids = Array.from({ length: doing.calls }, (_, n) => `call_1z_${model.turn}_${n + 1}`);
      model.calls = ids.map((id) => ({ id, at: 'ready' }));
      model.hadCalls = doing.calls > 0;
      model.stage = model.hadCalls ? 'doing' : 'done';
      if (!model.hadCalls && model.holds.size === 0 && model.inbox.length === 0) model.ended = 'succeeded';
      return 'changed';
    }
    case 'fail_turn':
      if (!goesOn || model.stage !== 'asking') return NO;
      model.stage = 'asked';
      if (doing.then === 'hold' && !model.holds.has('provider'))
        model.holds.set('provider', { stopClock: true });
      if (doing.then === 'fail') end(model, 'failed');
      return 'changed';
    case 'finish':
      if (!begins || model.stage !== 'done' || model.hadCalls || model.inbox.length > 0) return NO;
      model.ended = 'succeeded';
      return 'changed';
    case 'give_back':
      if (model.ended !== null) return NO;
      stop(model);
      return 'changed';
    case 'start_call':
    case 'end_call':
    case 'open_wait':
      return driveCall(model, begins, goesOn, doing);
    default:
      throw new Error(`not a step of a segment: ${doing.do}`);
  }
}

function driveCall(
  model: Model,
  begins: boolean,
  goesOn: boolean,
  doing: Extract<Step, { call: number }>,
): Outcome {
  const call = model.calls[doing.call % Math.max(1, model.calls.length)];
  if (call === undefined) return NO;
  switch (doing.do) {
    case 'start_call':
      if (!begins || (call.at !== 'ready' && call.at !== 'doubt')) return NO;
      call.at = 'flight';
      return 'changed';
    case 'end_call':
      // A call that cannot be made at all fails without having been started.
      if (!goesOn || !(call.at === 'flight' || (call.at === 'ready' && !doing.well))) return NO;
      result(model, call.id);
      return 'changed';
    case 'open_wait': {
      const isDoubt = doing.kind === 'in_doubt';
      const fits = isDoubt ? call.at === 'doubt' || call.at === 'flight' : call.at === 'ready';
      if (!goesOn || !fits || (!isDoubt && model.holds.size > 0)) return NO;
      const id = `w${model.all.length}`;
      call.at = 'waiting';
      model.waits.push({ id, kind: doing.kind, call: call.id, ladder: [...doing.ladder] });
      model.all.push({ id, closed: null });
      if (doing.kind === 'run') model.children.add(id);
      return 'changed';
    }
  }
}

/** The segment is gone, or must stop: the model is asked again, and nobody knows what came of the calls. */
function stop(model: Model): void {
  if (model.stage === 'asking') model.stage = 'asked';
  for (const call of model.calls) if (call.at === 'flight') call.at = 'doubt';
}

function callOf(model: Model, id: string): Call {
  const call = model.calls.find((open) => open.id === id);
  if (call === undefined) throw new Error(`no call ${id}`);
  return call;
}

function result(model: Model, id: string): void {
  model.calls = model.calls.filter((call) => call.id !== id);
  if (model.calls.length === 0 && model.stage === 'doing') model.stage = 'done';
}

function take(model: Model, id: string): Wait {
  const wait = model.waits.find((open) => open.id === id);
  if (wait === undefined) throw new Error(`no wait ${id}`);
  model.waits = model.waits.filter((open) => open !== wait);
  return wait;
}

function close(model: Model, id: string): void {
  const known = model.all.find((wait) => wait.id === id);
  if (known !== undefined) known.closed = { who: 'nobody', yes: false };
}
