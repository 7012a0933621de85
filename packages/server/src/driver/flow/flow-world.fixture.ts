import { setTimeout as sleep } from 'node:timers/promises';
import { flowStepSchema, type FlowStep, type Json, type JsonObject, type RunEvent } from '@fermata/protocol';
import type { MemoryRun } from '../../../../../test/world/memory-committer.ts';
import { createToolbox } from '../../agent/tools/toolbox.ts';
import type { Command } from '../../engine/commands.ts';
import {
  answering,
  begin,
  createTestWorld,
  says,
  type TestWorld,
  type TestWorldOptions,
} from '../segment.fixture.ts';

/** A request that a flow has made, as its target saw it. */
export interface SeenRequest {
  method: string;
  url: string;
  key: string;
  body: Json;
}

export interface FlowWorld extends TestWorld {
  seen: SeenRequest[];
  startFlow(steps: readonly FlowStep[], input?: Json): MemoryRun;
  /** Segment after segment, in real time, until the run is parked; what it waits for is answered. */
  driveFlow(run: MemoryRun, answers?: Answers, isOver?: () => boolean): Promise<void>;
}

/** By tool name: what the client, or an approver, says. */
export type Answers = Record<string, Parameters<typeof answering>[1]>;

export type FlowTarget = (request: SeenRequest, count: number) => Response | Promise<Response>;

/** A world whose flows have the real tools, and requests that go to `target`. */
export function createFlowWorld(
  options: Partial<TestWorldOptions> & { target?: FlowTarget } = {},
): FlowWorld {
  const seen: SeenRequest[] = [];
  const target = options.target ?? (() => Response.json({ ok: true }));
  const world = createTestWorld({
    model: ({ messages }) => says(`heard ${messages.length}`),
    ...options,
    deps: {
      ...options.deps,
      openToolbox: ({ definition, secrets }) =>
        createToolbox({
          tools: definition.agent?.tools ?? [],
          mcpServers: [],
          secrets,
          defaultTimeoutMs: 5_000,
          fetch: async (url, init) => {
            const headers = new Headers(init?.headers);
            const text = typeof init?.body === 'string' ? init.body : '';
            const request: SeenRequest = {
              method: init?.method ?? 'GET',
              url: String(url),
              key: headers.get('idempotency-key') ?? '',
              body: text === '' ? null : (JSON.parse(text) as Json),
            };
            seen.push(request);
            return await target(request, seen.length);
          },
        }),
    },
  });

  async function driveFlow(
    run: MemoryRun,
    answers: Answers = {},
    isOver: () => boolean = () => false,
  ): Promise<void> {
    for (let rounds = 0; rounds < 200; rounds += 1) {
      if (isOver()) return;
      if (run.dispatch.dueAt === null) {
        const command = commandFor(run, answers);
        if (command === null) return;
        await world.send(run, command);
        continue;
      }
      const segment = await begin(world, run);
      await inRealTime(world, segment.done, isOver);
    }
    throw new Error('the flow goes on for ever');
  }

  return {
    ...world,
    seen,
    startFlow: (steps, input = 'Hello') =>
      world.start(undefined, { agent: null, kind: 'flow', input, flow: flowOf(steps) }),
    driveFlow,
  };
}

/** Virtual time goes on only for those who sleep in it; scripts run in a thread, in real time. */
async function inRealTime(world: TestWorld, work: Promise<void>, isOver: () => boolean): Promise<void> {
  let isDone = false;
  void work.finally(() => (isDone = true));
  for (let idle = 0; !isDone && !isOver(); idle += 1) {
    await world.clock.settle();
    await sleep(1);
    // Long enough for a script: a time-out that fires too early would be another story.
    if (idle > 100) world.clock.advance();
  }
}

export function commandFor(run: MemoryRun, answers: Answers): Command | null {
  const [wait] = run.state.waits;
  if (wait === undefined || run.state.status !== 'waiting') return null;
  if (wait.kind === 'timer') {
    const by = { type: 'system', id: 'sweep', name: 'sweep' } as const;
    return {
      type: 'answer',
      by,
      role: 'operator',
      via: 'native',
      target: { waitId: wait.id },
      answer: { outcome: 'fire' },
      digest: 'optional',
    };
  }
  const answer = answers[wait.kind === 'approval' ? `approve ${wait.tool ?? ''}` : (wait.tool ?? '')];
  return answer === undefined ? null : answering(run, answer, wait.id);
}

/** The flow of these steps as a run carries it. */
export function flowOf(steps: readonly FlowStep[]): JsonObject {
  // A pinned agent has an id and a version, which nobody gives.
  for (const { ...given } of steps)
    flowStepSchema.parse(given.type === 'agent' ? { ...given, agent: undefined } : given);
  return { id: 'flow_1', name: 'Test flow', version: 1, steps: steps as unknown as Json };
}

/** The steps as they ended: their ids with their outputs, or with what became of them. */
export function ends(run: { events: readonly RunEvent[] }): [string, Json | null][] {
  return run.events.flatMap((event): [string, Json | null][] => {
    if (event.type === 'step.completed') return [[event.data.stepId, event.data.output]];
    if (event.type === 'step.skipped') return [[event.data.stepId, 'skipped']];
    if (event.type === 'step.failed') return [[event.data.stepId, event.data.error.code]];
    return [];
  });
}

type Of<T extends FlowStep['type']> = FlowStep & { type: T };
/** A step with a name, and what a test gives of it. */
export function step<T extends FlowStep['type']>(
  type: T,
  id: string,
  rest: Omit<Of<T>, 'type' | 'id' | 'name'>,
): FlowStep {
  return { type, id, name: `Step ${id}`, ...rest } as unknown as FlowStep;
}

/** A pinned agent, as a run's flow carries it. */
export function agentOf(more: JsonObject = {}): JsonObject {
  return { id: null, version: null, name: 'writer', model: 'script/test', ...more };
}
