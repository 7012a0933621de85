import {
  isTerminal,
  systemActor,
  type PreviewCall,
  type PreviewNext,
  type RunAgent,
  type WaitBody,
} from '@fermata/protocol';
import type { ResolvedModel } from '../agent/models/resolve-model.ts';
import type { UnaskedTools } from '../agent/tools/unasked-tools.ts';
import type { Command } from '../engine/commands.ts';
import { callDigest } from '../engine/digest.ts';
import type { RunDefinition } from '../engine/ports.ts';
import type { Rehearsal } from '../engine/preview.ts';
import { dueAt, isInFlight, type RunState } from '../engine/state.ts';
import { planCall, type CallPlan } from './acts/call-plan.ts';
import { delegateCommand, type Delegating } from './acts/delegate-call.ts';
import { newCallKey } from './acts/idempotency-key.ts';
import { forcedTool } from './acts/must-call.ts';
import { lastAssistantText, outputOf } from './acts/run-output.ts';
import { turnModel } from './acts/turn-model.ts';
import { actionableCalls, nextAct } from './next-act.ts';
import type { SegmentDeps } from './segment-ports.ts';
import { createRehearsedRun, type RehearsedRun, type RehearsedRunOptions } from './rehearsed-run.ts';

/** A run as its next segment would find it. */
export interface RehearsalStage extends RehearsedRunOptions {
  definition: RunDefinition;
  tools: UnaskedTools;
  /** Keys of calls that were requested before. */
  startedKeys: ReadonlyMap<string, string>;
  resolveModel(name: string): ResolvedModel;
  priceOf: SegmentDeps['priceOf'];
  newChildRun: Delegating['newChildRun'];
  callAttempts: number;
}

/** How far the run would go, and why not further. */
export interface Rehearsed extends Pick<Rehearsal, 'state' | 'next' | 'calls' | 'turn' | 'opened' | 'error'> {
  /** Some call is of a tool whose MCP server was not asked. */
  isAssuming: boolean;
}

interface Play {
  stage: RehearsalStage;
  run: RehearsedRun;
  /** The last that was done about each call. */
  calls: Map<string, PreviewCall>;
  turn: Rehearsal['turn'];
  /** The flow goes on, with what no plan of a call tells. */
  isStepNext: boolean;
}

/** More steps without the outside than any run takes. */
const MOST_STEPS = 50;

/**
 * Plays what a segment does with the run, by the segment's own plans and decided as its commits are, until something
 * outside must answer: a model, a tool, a person, the client or time. Pure but for the transcript that it is given.
 */
export async function rehearse(stage: RehearsalStage): Promise<Rehearsed> {
  const play: Play = {
    stage,
    run: createRehearsedRun(stage),
    calls: new Map(),
    turn: null,
    isStepNext: false,
  };
  begin(play);
  for (let steps = 0; steps < MOST_STEPS && (await step(play)); steps += 1);
  const { state, error } = play.run;
  const opened = [...play.run.opened];
  const next = nextOf(play);
  // A wait that a kept answer has resolved at once asks nobody.
  const isAsked = (callId: string): boolean => state.waits.some((wait) => wait.callId === callId);
  const calls = [...play.calls.values()].filter((call) => call.outcome !== 'wait' || isAsked(call.callId));
  const turn = play.turn ?? turnAfterCalls(play);
  return { state, next, calls, turn, opened, error, isAssuming: calls.some((call) => !call.checked) };
}

/** The first claim starts the run, unless it is to begin later. */
function begin({ run, stage }: Play): void {
  const due = dueAt(run.state);
  const now = stage.now > run.state.at ? stage.now : run.state.at;
  if (due === null || due > now) return;
  if (run.state.startedAt === null && run.state.holds.length === 0) {
    run.commit({ type: 'claim', by: systemActor('driver') });
  }
  if (stage.definition.agent === null && run.state.flow === undefined && !isParked(run)) {
    run.commit({ type: 'fail', error: { code: 'not_supported', message: 'the run has no agent' } });
  }
}

/** One act. False: there is no further one, or its outcome is not ours to know. */
async function step(play: Play): Promise<boolean> {
  const { run, stage } = play;
  const { agent } = stage.definition;
  if (run.state.startedAt === null) return false;
  const act = nextAct(run.state);
  play.isStepNext = act.kind === 'step';
  if (agent === null) return false;
  switch (act.kind) {
    case 'turn':
      beginTurn(play, agent, act);
      return false;
    case 'calls':
      return takeUpCalls(play);
    case 'finish': {
      if (forcedTool(calling(play)) !== null) {
        beginTurn(play, agent, { turn: run.state.turn.number + 1, attempt: 1 });
        return false;
      }
      const result = outputOf(lastAssistantText(run.transcript.messages), agent.output);
      run.commit(
        result.ok
          ? { type: 'finish', output: result.output }
          : { type: 'fail', error: { code: 'invalid_output', message: result.problem } },
      );
      return false;
    }
    case 'give_back':
      // Beside the calls under way, a segment takes up those that have just become ready.
      return (run.isDriven || isRequesting(play)) && run.state.turn.phase === 'tools' && takeUpCalls(play);
    case 'step':
    case 'park':
      return false;
  }
}

function beginTurn(play: Play, agent: RunAgent, act: { turn: number; attempt: number }): void {
  const { run, stage } = play;
  const { resolveModel: resolve, priceOf } = stage;
  const chosen = turnModel({ state: run.state, agent, resolve, priceOf });
  if (!chosen.ok && !chosen.failsTurn) {
    run.commit({ type: 'fail', error: chosen.error });
    return;
  }
  const model = chosen.ok ? chosen.model : chosen.name;
  const forced = forcedTool(calling(play));
  const messages = run.state.inbox.length;
  const { turn: number, attempt } = act;
  run.commit({ type: 'startTurn', through: run.state.head, turn: number, attempt, model, forced });
  if (run.state.turn.phase === 'model') play.turn = { number, attempt, model, when: 'now', messages };
}

/** Of the tools of MCP servers, those that the agent says must be called are taken to be there. */
function calling({ run, stage }: Play): Parameters<typeof forcedTool>[0] {
  const { tools, definition } = stage;
  const assumed = (definition.agent?.tools ?? []).flatMap(({ type, name, mustCall }) =>
    type === 'mcp' && mustCall === true ? (tools.assume(name) ?? []) : [],
  );
  return { state: run.state, calls: run.transcript.calls, tools: [...tools.tools, ...assumed] };
}

/** As a segment does: what fails and what must be asked in one commit, then each request by itself. */
async function takeUpCalls(play: Play): Promise<boolean> {
  const { run, stage } = play;
  if (run.state.holds.length > 0) return false;
  const before = run.state.head;
  const planned = actionableCalls(run.state).map((call) => planOf(play, call));
  const commands: Command[] = [];
  const waits: WaitBody[] = [];
  for (const { plan, call } of planned) {
    switch (plan.kind) {
      case 'fail':
        commands.push({ type: 'failCall', callId: call.callId, error: plan.error });
        note(play, call, { outcome: 'fail', error: plan.error });
        break;
      case 'wait':
        waits.push(plan.wait);
        note(play, call, { outcome: 'wait', waitKind: plan.wait.kind });
        break;
      case 'delegate': {
        const { newChildRun, definition, now } = stage;
        const delegating = { newChildRun, definition, state: run.state, nowMs: Date.parse(now) };
        const command = await delegateCommand(delegating, plan.call, plan.tool);
        commands.push(command);
        if (command.type === 'failCall') note(play, call, { outcome: 'fail', error: command.error });
        else note(play, call, { outcome: 'wait', waitKind: 'run' });
        break;
      }
      case 'request':
        // After what is asked and what fails, as a segment does.
        break;
    }
  }
  if (waits.length > 0) commands.push({ type: 'openWaits', waits });
  if (commands.length > 0) run.commit(...commands);
  for (const { plan, call } of planned) if (plan.kind === 'request') request(play, plan, call);
  return run.state.head > before && !isParked(run);
}

function request(play: Play, plan: CallPlan & { kind: 'request' }, call: PlannedCall): void {
  const { run, stage } = play;
  if (isParked(run)) return;
  const { callId } = call;
  const { runId, turn } = run.state;
  const kept = plan.requested > 0 ? stage.startedKeys.get(callId) : undefined;
  const idempotencyKey = kept ?? newCallKey(runId, turn.number, callId);
  run.commit({ type: 'startCall', callId, idempotencyKey, digest: plan.digest });
  // A limit may stand in the way, or a digest that is not the approved one.
  if (run.state.calls.find((one) => one.callId === callId)?.state !== 'running') return;
  const { requested, afterCrash } = plan;
  note(play, call, { outcome: 'request', attempt: requested + 1, idempotencyKey, afterCrash });
}

type PlannedCall = Pick<PreviewCall, 'callId' | 'tool' | 'args' | 'checked'>;

function planOf(
  { run, stage }: Play,
  state: RunState['calls'][number],
): { plan: CallPlan; call: PlannedCall } {
  const { tools, callAttempts, now } = stage;
  const { callId, tool } = state;
  const isOwn = tools.tools.some((own) => own.name === tool);
  const assumed = isOwn ? null : tools.assume(tool);
  const asked = run.transcript.calls.get(callId);
  const plan = planCall({
    state,
    calls: run.transcript.calls,
    tools: assumed === null ? tools.tools : [...tools.tools, assumed],
    toolsProblem: tools.problem,
    remembered: run.state.remembered,
    callAttempts,
    nowMs: Date.parse(now),
  });
  const args = asked?.editedArgs ?? asked?.args ?? null;
  return { plan, call: { callId, tool, args, checked: assumed === null } };
}

function note(
  { calls }: Play,
  call: PlannedCall,
  told: Partial<PreviewCall> & Pick<PreviewCall, 'outcome'>,
): void {
  const digest = callDigest(call.tool, call.args);
  const untold = { attempt: null, idempotencyKey: null, afterCrash: null, waitKind: null, error: null };
  calls.set(call.callId, { ...call, digest, ...untold, ...told });
}

/** The turn that follows once every call under way has a result; null when something else is in the way. */
function turnAfterCalls(play: Play): Rehearsal['turn'] {
  const { run, stage } = play;
  const { calls, waits, holds, turn } = run.state;
  const isAllUnderWay = calls.length > 0 && calls.every((call) => call.state === 'running');
  const { agent } = stage.definition;
  if (agent === null || turn.phase !== 'tools' || !isAllUnderWay) return null;
  if (waits.length > 0 || holds.length > 0) return null;
  run.commit(...calls.map(({ callId }): Command => ({ type: 'completeCall', callId, output: null })));
  beginTurn(play, agent, { turn: turn.number + 1, attempt: 1 });
  return play.turn === null ? null : { ...play.turn, when: 'after_calls' };
}

function isRequesting({ calls }: Play): boolean {
  return [...calls.values()].some((call) => call.outcome === 'request');
}

function isParked({ state }: RehearsedRun): boolean {
  return state.holds.length > 0 || isTerminal(state.status);
}

function nextOf(play: Play): PreviewNext {
  const { status, holds, waits, mode, startedAt } = play.run.state;
  if (isTerminal(status)) return 'ended';
  if (play.turn !== null) return 'turn';
  if (isInFlight(play.run.state)) return isRequesting(play) ? 'calls' : 'in_flight';
  if (holds.length > 0) return 'held';
  if (mode === 'external') return 'client';
  if (startedAt === null) return 'later';
  if (play.isStepNext && waits.length === 0) return 'step';
  return waits.length > 0 ? 'waits' : 'in_flight';
}
