import { describe, expect, it } from 'vitest';
import {
  cancel,
  completeCall,
  completeTurn,
  message,
  openWaits,
  pause,
  startCall,
  startTurn,
  update,
  waitBody,
} from '../commands.fixture.ts';
import { at, call, external, inTurn, runningRun, types, withCalls, withWaits } from '../run.fixture.ts';

describe('a message', () => {
  it('with an id is taken once, in whatever status it is repeated', () => {
    const run = inTurn();
    const first = run.commit(message({ messageId: 'm' }));
    const repeat = run.commit(message({ messageId: 'm' }));
    expect(repeat.decisions).toEqual([{ changed: false, seq: first.decisions[0]?.seq }]);
    run.commit(cancel());
    expect(run.commit(message({ messageId: 'm', reopen: true })).decisions[0]?.changed).toBe(false);
    run.commit(update({ sealed: true }));
    expect(run.commit(message({ messageId: 'm' })).decisions[0]?.changed).toBe(false);
  });
  it('twice in one commit is taken once', () => {
    const { decisions } = inTurn().commit(message({ messageId: 'm' }), message({ messageId: 'm' }));
    expect(decisions.map((decision) => decision.changed)).toEqual([true, false]);
    expect(decisions[1]?.seq).toBe(decisions[0]?.seq);
  });
  it('without an id is always another message', () => {
    const run = inTurn();
    run.commit(message());
    expect(run.commit(message()).decisions[0]?.changed).toBe(true);
  });
  it('is refused by a sealed run, also to reopen it', () => {
    const run = inTurn();
    run.commit(update({ sealed: true }));
    expect(run.refused(message()).code).toBe('sealed');
    run.commit(cancel());
    expect(run.refused(message({ reopen: true })).code).toBe('sealed');
    expect(run.refused(message()).code).toBe('sealed');
  });
  it('that comes while the model answers is left for the next turn, which the run then takes', () => {
    const run = inTurn();
    run.commit(message());
    run.commit(completeTurn(run));
    expect(run.state).toMatchObject({ status: 'running', turn: { phase: 'done' } });
    expect(run.refused({ type: 'finish', output: 'ok' }).code).toBe('invalid_transition');
    run.commit(startTurn(run));
    expect(run.state.inbox).toEqual([]);
  });
  it('that comes between the prompt and the start of the turn stays in the inbox', () => {
    const run = runningRun();
    const through = run.state.head;
    const { decisions } = run.commit(message());
    run.commit(startTurn(run, { through }));
    expect(run.state.inbox).toEqual([decisions[0]?.seq]);
    run.commit(completeTurn(run));
    expect(run.state.status).toBe('running');
  });
  it('names the model from the next turn on', () => {
    const run = inTurn();
    run.commit(message({ model: 'a/b' }));
    expect(run.state.model).toBe('a/b');
  });
  it('with resume: true is refused whole when other holds are on', () => {
    const run = inTurn();
    run.commit(pause({ hold: 'policy' }));
    expect(run.refused(message({ resume: true })).code).toBe('held');
    expect(run.state.inbox).toEqual([]);
  });
  it('to an external run does not pile up in its state', () => {
    const run = external();
    run.commit(message());
    expect(run.state.inbox).toEqual([]);
  });
});

describe('a message that supersedes', () => {
  it('gives every waiting call exactly one result, and the turn is complete', () => {
    const run = withWaits([
      { kind: 'approval' },
      { kind: 'tool_output' },
      { kind: 'input' },
      { kind: 'timer' },
    ]);
    run.seconds = 3;
    const { events } = run.commit(message({ onWaiting: 'supersede', messageId: 'm' }));
    const results = events.filter((event) => event.type === 'tool.denied' || event.type === 'tool.completed');
    expect(results.map(({ type, data }) => ({ type, data }))).toMatchObject([
      { type: 'tool.denied', data: { callId: call(1), reason: 'not executed: superseded by a message' } },
      { type: 'tool.denied', data: { callId: call(2), outcome: 'superseded' } },
      { type: 'tool.denied', data: { callId: call(3), outcome: 'superseded' } },
      { type: 'tool.completed', data: { callId: call(4), output: { firedAt: at(3) } } },
    ]);
    expect(types(events).slice(-2)).toEqual(['message.received', 'turn.completed']);
    expect(run.state).toMatchObject({ status: 'running', waits: [], calls: [] });
  });
  it('is refused while a call is in doubt, and then nothing is superseded', () => {
    const run = withWaits([{ kind: 'input' }, { kind: 'in_doubt' }]);
    const error = run.refused(message({ onWaiting: 'supersede' }));
    expect([error.code, error.details.openWaits?.length]).toEqual(['waits_open', 2]);
    expect(run.state.waits.length).toBe(2);
  });
  it('of a paused run leaves it paused', () => {
    const run = withWaits([{ kind: 'input' }]);
    run.commit(pause());
    run.commit(message({ onWaiting: 'supersede' }));
    expect(run.state).toMatchObject({ status: 'paused', waits: [], turn: { phase: 'done' } });
  });
  it('leaves the calls alone that are not waited for', () => {
    const run = withCalls(['tool', 'tool']);
    run.commit(openWaits(waitBody('w1', 'input', { callId: call(1) })), startCall(call(2)));
    run.commit(message({ onWaiting: 'supersede' }));
    expect(run.state.calls.map((open) => open.callId)).toEqual([call(2)]);
    run.commit(completeCall(call(2)));
    expect(run.state.turn.phase).toBe('done');
  });
});
