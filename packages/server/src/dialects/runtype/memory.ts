import {
  isJsonObject,
  type EventData,
  type FlowStep,
  type Json,
  type JsonObject,
  type RunFlow,
  type RunStatus,
  type Tool,
  type WaitKind,
} from '@fermata/protocol';
import { createBlocks, type Blocks } from './blocks.ts';
import type { FrameDraft } from './frame.ts';
import { clientToolsIn, type ClientTools } from './face-data.ts';

/** What the encoder knows of the log so far. */
export interface Memory {
  executionId: string;
  /** Makes ids unique over a conversation of many executions. */
  idBase: string;
  kind: 'agent' | 'flow';
  createdAt: string;
  agent: EventData<'run.created'>['agent'];
  flow: RunFlow | null;
  maxTurns: number | null;
  clientTools: ClientTools;
  /** Steps of the flow in their order, those inside of conditions included. */
  steps: Map<string, { step: FlowStep; index: number }>;
  /** Steps that have begun and not ended, the innermost last. */
  openSteps: OpenStep[];
  stepCounts: { succeeded: number; failed: number };
  blocks: Blocks;
  turn: TurnMemory | null;
  calls: Map<string, CallMemory>;
  waits: Map<string, WaitMemory>;
  children: Map<string, ChildMemory>;
  usage: { turns: number; input: number; output: number; costUsd: number | null };
}

export interface OpenStep {
  stepId: string;
  startedAt: string;
  unresolved: readonly string[];
  /** What was used before it. */
  before: Memory['usage'];
  /** Attempts that have failed. Lost ones, which are begun again as they were, are none. */
  failed: number;
  fallbacks: FallbackAttempt[];
}

export interface TurnMemory {
  id: string;
  number: number;
  completed: EventData<'message.completed'> | null;
  /** Somebody outside was asked for one of its calls. */
  isPaused: boolean;
  fallbacks: FallbackAttempt[];
}

/** One attempt of a fallback at a turn or step. Source: wire section 4.2, `fallback`. */
export type FallbackAttempt = {
  attempt: number;
  type: string;
  success: boolean;
  model?: string;
  error?: string;
};

export interface CallMemory {
  tool: string;
  args: Json;
  turn: number;
  /** When its `tool_start` was sent, or null. */
  startedAt: string | null;
  /** That frame, while the call has no outcome that would be told. */
  start?: FrameDraft | undefined;
}

export interface WaitMemory {
  kind: WaitKind;
  callId: string | null;
  /** The frame that asks for it; null: it asks nobody outside. */
  asked: FrameDraft | null;
}

export interface ChildMemory {
  status: RunStatus;
  callId: string;
  /** Its waits that were told of. */
  told: Map<string, WaitMemory>;
}

export function createMemory(runId: string): Memory {
  return {
    executionId: `exec_${runId}`,
    idBase: runId.replaceAll('-', ''),
    kind: 'agent',
    createdAt: '',
    agent: null,
    flow: null,
    maxTurns: null,
    clientTools: {},
    steps: new Map(),
    openSteps: [],
    stepCounts: { succeeded: 0, failed: 0 },
    blocks: createBlocks(),
    turn: null,
    calls: new Map(),
    waits: new Map(),
    children: new Map(),
    usage: { turns: 0, input: 0, output: 0, costUsd: 0 },
  };
}

/** Takes in what the run was made with. */
export function rememberRun(memory: Memory, data: EventData<'run.created'>, at: string): void {
  memory.createdAt = at;
  memory.agent = data.agent;
  memory.maxTurns = data.limits.maxTurns ?? null;
  memory.clientTools = clientToolsIn(data.face);
  if (data.flow === null) return;
  memory.kind = 'flow';
  memory.flow = flowIn(data.flow);
  for (const step of allSteps(memory.flow.steps)) {
    memory.steps.set(step.id, { step, index: memory.steps.size });
  }
}

/** A flow as the engine has pinned it; what was written by an older release may lack its steps. */
function flowIn(flow: JsonObject): RunFlow {
  const pinned = flow as unknown as RunFlow;
  return { ...pinned, name: pinned.name ?? 'flow', steps: pinned.steps ?? [] };
}

/** Every step of a list, in its order, those inside of conditions after the condition. */
export function allSteps(steps: readonly FlowStep[]): FlowStep[] {
  return steps.flatMap((step) =>
    step.type === 'condition' ? [step, ...allSteps(step.then), ...allSteps(step.else ?? [])] : [step],
  );
}

/** The tools that the model may call now: the agent's, or those of the step that is being carried out. */
export function toolNamed(memory: Memory, name: string): Tool | undefined {
  const stepId = memory.openSteps.at(-1)?.stepId;
  const step = stepId === undefined ? undefined : memory.steps.get(stepId)?.step;
  const tools = step === undefined ? memory.agent?.tools : toolsOf(step);
  return tools?.find((tool) => tool.name === name);
}

function toolsOf(step: FlowStep): readonly Tool[] {
  if (step.type === 'tool') return [step.tool];
  if (step.type !== 'agent' || !isJsonObject(step.agent ?? null)) return [];
  return typeof step.agent === 'object' ? (step.agent.tools ?? []) : [];
}

/** Source: wire section 4.4. Never `webmcp`: the widget takes its approvals for its own. */
export function toolTypeOf(tool: Tool | undefined): string {
  switch (tool?.type) {
    case 'client':
      return 'local';
    case 'http':
      return 'external';
    case 'mcp':
      return 'mcp';
    case 'builtin':
      return tool.name === 'delegate' ? 'subagent' : 'builtin';
    case 'run':
      return tool.run?.flow === undefined ? 'subagent' : 'flow';
    case undefined:
      return 'custom';
  }
}
