import { randomUUID } from 'node:crypto';
import {
  systemActor,
  type EventData,
  type EventOf,
  type Json,
  type Run,
  type RunAgent,
  type RunEvent,
  type Tool,
} from '@fermata/protocol';
import {
  createMemoryStore,
  type MemoryRun,
  type MemoryStore,
} from '../../../../test/world/memory-committer.ts';
import type { StepFailure } from '../agent/failure.ts';
import type { ModelAnswer, ModelOutcome, ModelRequest } from '../agent/models/model-request.ts';
import { resolvedTool, type ResolvedTool } from '../agent/tools/resolved-tool.ts';
import type { ToolOutcome } from '../agent/tools/tool-outcome.ts';
import type { ToolCall } from '../agent/tools/toolbox.ts';
import type { Command, Commands } from '../engine/commands.ts';
import { newChildRun } from '../engine/child-run.ts';
import { EngineError, Fenced } from '../engine/errors.ts';
import { createSegmentRunner } from './segment.ts';
import { createTestClock, type TestClock } from './segment-clock.fixture.ts';
import type { ClaimedRun, SegmentDeps } from './segment-ports.ts';

export const ANNA = { type: 'principal', id: 'anna', name: 'Anna' } as const;

export type ModelScript = (request: ModelRequest, calls: number) => ModelOutcome | Promise<ModelOutcome>;
export type ToolScript = (call: ToolCall, requests: number) => ToolOutcome | Promise<ToolOutcome>;

type ToolFields =
  'approval' | 'afterCrash' | 'deadline' | 'approvalDeadline' | 'onExpire' | 'maxCalls' | 'mustCall' | 'run';

export interface TestTool extends Partial<Pick<Tool, ToolFields>> {
  name: string;
  type?: Tool['type'];
  inputSchema?: Tool['inputSchema'];
  opensWait?: boolean;
  timeoutMs?: number;
  handler?: ToolScript | undefined;
}

export interface TestWorld {
  clock: TestClock;
  store: MemoryStore;
  /** How often each idempotency key was requested, and how often it had an effect (at most once). */
  requests: Map<string, number>;
  effects: Map<string, number>;
  prompts: ModelRequest[];
  logged: { level: string; message: string }[];
  start(agent?: Partial<RunAgent>, created?: Partial<EventData<'run.created'>>): MemoryRun;
  claim(run: MemoryRun): Promise<ClaimedRun | null>;
  /** One segment, with the fences and hints of an executor. */
  segment(run: MemoryRun, claimed: ClaimedRun): TestSegment;
  /** Segment after segment until the run is not due any more. */
  drive(run: MemoryRun): Promise<void>;
  send(run: MemoryRun, ...commands: Command[]): Promise<void>;
  /** The process that drives the run has died: its segment never commits again. */
  adopt(run: MemoryRun): Promise<void>;
  types(run: MemoryRun): string[];
}

export interface TestSegment {
  done: Promise<void>;
  drain(): void;
  /** The drain limit has passed. */
  abort(): void;
  /** Its process is dead: nothing that it has begun, or begins, has an effect or an end. */
  kill(): void;
}

/** Of a parent only this much is asked. */
const childless = { createdBy: ANNA, origin: 'native', missionId: null } as unknown as Run;

export interface TestWorldOptions {
  model: ModelScript;
  tools?: TestTool[];
  deps?: Partial<SegmentDeps>;
  /** How a segment learns what others commit: at once, by hint, or not at all. */
  hints?: 'events' | 'hint' | 'none';
}

export function createTestWorld(options: TestWorldOptions): TestWorld {
  const clock = createTestClock();
  const store = createMemoryStore(clock.now);
  const { requests, effects, prompts, logged } = {
    requests: new Map<string, number>(),
    effects: new Map<string, number>(),
    prompts: [] as ModelRequest[],
    logged: [] as { level: string; message: string }[],
  };
  const tools = (options.tools ?? []).map(toTool);
  let calls = 0;

  async function callTool(call: ToolCall): Promise<ToolOutcome> {
    const { idempotencyKey: key, tool } = call;
    requests.set(key, (requests.get(key) ?? 0) + 1);
    effects.set(key, 1);
    const handler = options.tools?.find((candidate) => candidate.name === tool.name)?.handler;
    return (
      (await handler?.(call, requests.get(key) ?? 0)) ?? { kind: 'completed', output: `${tool.name} done` }
    );
  }

  const log = (level: string) => (_fields: object, message: string) => void logged.push({ level, message });
  const deps: SegmentDeps = {
    committer: store,
    events: store.events,
    snapshots: store.snapshots,
    runs: store.runs,
    blobs: store.blobs,
    newChildRun: (delegation) =>
      newChildRun(
        {
          runs: { byId: async () => childless },
          agents: {
            get: () => Promise.reject(new EngineError('not_found', 'There is no such agent')),
            defaultAgent: async () => ({ id: null, version: null, name: 'agent', model: 'script/echo' }),
          },
          flows: {
            get: () => Promise.reject(new EngineError('not_found', 'There is no such flow')),
            faults: async () => [],
            defaultFlow: async () => null,
          },
          newRunId: () => randomUUID(),
          reseal: (sealed) => sealed,
        },
        delegation,
      ),
    models: {
      resolve: (name) =>
        name.startsWith('script/')
          ? { ok: true, provider: 'script', model: name.slice(7) }
          : { ok: false, code: 'provider_not_configured', message: `nobody answers for ${name}` },
      call: async (request) => {
        prompts.push(request);
        calls += 1;
        return await options.model(request, calls);
      },
    },
    openToolbox: () => ({
      resolve: async () => ({ ok: true, tools }),
      callTool,
      [Symbol.asyncDispose]: async () => undefined,
    }),
    openSecrets: () => ({}),
    isPresent: () => true,
    priceOf: () => null,
    clock,
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    ...options.deps,
  };
  async function claim(run: MemoryRun): Promise<ClaimedRun | null> {
    const { runId, organizationId } = run.state;
    const { claim: taken, dueAt } = run.dispatch;
    if (taken !== null || dueAt === null) return null;
    const executorId = randomUUID();
    const token = `${executorId}:${randomUUID()}`;
    const result = await store.commit({
      runId,
      organizationId: null,
      commands: [{ type: 'claim', by: systemActor('driver') }],
      take: { executorId, claim: token, epoch: run.dispatch.epoch },
    });
    return { runId, organizationId, epoch: result.dispatch.epoch, claim: token, state: result.state };
  }

  function segment(run: MemoryRun, claimed: ClaimedRun): TestSegment {
    const fence = new AbortController();
    const process = mortal(deps);
    const drain = new AbortController();
    const hints = options.hints ?? 'events';
    const isMine = (): boolean =>
      run.dispatch.claim === claimed.claim && run.dispatch.epoch === claimed.epoch;
    const stop = store.onCommitted((committed) => {
      if (committed === run && !isMine() && hints === 'events') fence.abort(new Fenced());
    });
    const done = createSegmentRunner(process.deps).run(claimed, fence.signal, {
      drain: drain.signal,
      onCommit: (listener) =>
        store.onCommitted((committed, events) => {
          if (committed !== run || hints === 'none') return;
          listener(hints === 'events' ? structuredClone(events) : null);
        }),
    });
    return {
      done: done.finally(stop),
      drain: () => drain.abort(),
      abort: () => fence.abort(new Error('the drain limit has passed')),
      kill: process.kill,
    };
  }

  async function drive(run: MemoryRun): Promise<void> {
    for (let segments = 0; run.dispatch.dueAt !== null; segments += 1) {
      if (segments > 100) throw new Error('the run is claimed again and again');
      const claimed = await claim(run);
      if (claimed === null) throw new Error('the run is driven already');
      await clock.run(segment(run, claimed).done);
    }
  }

  async function send(run: MemoryRun, ...commands: Command[]): Promise<void> {
    await store.commit({ runId: run.state.runId, organizationId: 1, commands });
  }

  return {
    clock,
    store,
    requests,
    effects,
    prompts,
    logged,
    start: (agent, created) => store.create({ agent: agent ?? {}, created: created ?? {} }),
    claim,
    segment,
    drive,
    send,
    adopt: (run) => send(run, { type: 'adopt', executorId: null, reason: 'dead' }),
    types: (run) => run.events.map((event) => event.type),
  };
}

/** The dependencies as one process has them: when it is killed, no call of theirs has an effect or ends any more. */
function mortal(deps: SegmentDeps): { deps: SegmentDeps; kill: () => void } {
  let isDead = false;
  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = isDead ? NEVER : work();
    const value = await result;
    return isDead ? await NEVER : value;
  };
  return {
    deps: {
      ...deps,
      committer: { commit: (request) => whileAlive(() => deps.committer.commit(request)) },
      models: { ...deps.models, call: (request) => whileAlive(() => deps.models.call(request)) },
      openToolbox: (run) => {
        const toolbox = deps.openToolbox(run);
        return { ...toolbox, callTool: (call) => whileAlive(() => toolbox.callTool(call)) };
      },
    },
    kill: () => {
      isDead = true;
    },
  };
}

const NEVER = new Promise<never>(() => undefined);

function toTool(tool: TestTool): ResolvedTool {
  const opensWait = tool.opensWait ?? (tool.type === 'client' || tool.type === 'builtin');
  return resolvedTool({
    name: tool.name,
    description: undefined,
    inputSchema: tool.inputSchema,
    type: tool.type ?? 'http',
    approval: tool.approval,
    afterCrash: tool.afterCrash,
    isHarmless: false,
    timeoutMs: tool.timeoutMs ?? 60_000,
    deadline: tool.deadline,
    approvalDeadline: tool.approvalDeadline,
    onExpire: tool.onExpire,
    maxCalls: tool.maxCalls,
    mustCall: tool.mustCall,
    target:
      tool.run !== undefined
        ? { kind: 'run', run: tool.run }
        : opensWait
          ? { kind: 'wait' }
          : { kind: 'http', http: { url: 'http://tool.test', method: 'POST' } },
  });
}

/** An answer of a model. */
export function says(text: string, ...toolCalls: { tool: string; args?: Json }[]): ModelAnswer {
  return {
    ok: true,
    parts: text === '' ? [] : [{ type: 'text', text }],
    toolCalls: toolCalls.map(({ tool, args }, index) => ({
      providerCallId: `p${index + 1}`,
      tool,
      args: args ?? {},
    })),
    finishReason: toolCalls.length > 0 ? 'tool-calls' : 'stop',
    usage: { inputTokens: 10, outputTokens: 5 },
  };
}

export function fails(failure: StepFailure): ModelOutcome {
  return { ok: false, failure };
}

/** The answer of a person to the run's only open wait. */
export function answering(
  run: MemoryRun,
  answer: Commands['answer']['answer'],
  waitId = run.state.waits[0]?.id ?? '',
): Command {
  const digest = run.state.waits.find((wait) => wait.id === waitId)?.digest;
  return {
    type: 'answer',
    by: ANNA,
    role: 'operator',
    via: 'native',
    target: { waitId },
    answer:
      answer.decision !== undefined && digest !== null && digest !== undefined
        ? { digest, ...answer }
        : answer,
    digest: 'required',
  };
}

export function pausing(at: 'checkpoint' | 'now', hold = 'operator'): Command {
  return { type: 'pause', by: ANNA, reason: null, hold, at, stopClock: true };
}

export function resuming(): Command {
  return { type: 'resume', by: ANNA, reason: null, hold: null, limits: null, model: null };
}

export function messaging(text: string, onWaiting: 'queue' | 'supersede' | null = null): Command {
  return {
    type: 'message',
    by: ANNA,
    messageId: null,
    role: 'user',
    parts: [{ type: 'text', text }],
    onWaiting,
    resume: false,
    reopen: false,
    model: null,
    reason: null,
  };
}

export function cancelling(): Command {
  return { type: 'cancel', by: ANNA, reason: null };
}

/** A model that asks for the calls in its first turn and is content in the second. */
export function worldOf(
  calls: { tool: string; args?: Json }[],
  tools: TestTool[],
  options: Partial<TestWorldOptions> = {},
): TestWorld {
  const model: ModelScript = ({ turn }) => (turn === 1 ? says('', ...calls) : says('Done'));
  return createTestWorld({ model, tools, ...options });
}

/** The data of the run's events of one type. */
export function eventsOf<T extends RunEvent['type']>(run: MemoryRun, type: T): EventOf<T>['data'][] {
  return run.events.flatMap((event) => (event.type === type ? [event.data as EventOf<T>['data']] : []));
}

/** What the last prompt says of the calls of the first turn: outputs, or messages of errors. */
export function results(world: TestWorld): unknown[] {
  const asking = world.prompts.at(-1)?.messages.find(({ calls }) => calls.length > 0);
  return (asking?.calls ?? []).map(({ state, output, error }) =>
    state === 'completed' ? output : error?.message,
  );
}

/** Claims a run that is due, and begins its segment. */
export async function begin(world: TestWorld, run: MemoryRun): Promise<TestSegment> {
  const claimed = await world.claim(run);
  if (claimed === null) throw new Error('the run is not due');
  return world.segment(run, claimed);
}

/** An outcome that nobody knows. */
export function doubt(message = 'the connection was cut'): ToolOutcome {
  return { kind: 'in_doubt', cause: 'reset', message };
}
