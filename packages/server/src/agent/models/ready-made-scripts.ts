import { textOf, type RunAgent, type ScriptTurn, type Tool, type TranscriptCall } from '@fermata/protocol';
import { RECORD_NOTE } from '../tools/builtin-tools.ts';
import { PLAN_TOOLS } from '../tools/plan-tools.ts';
import type { ModelRequest, ModelTool } from './model-request.ts';
import { sampleArgs } from './sample-args.ts';

const SCRIPTS = ['echo', 'slow', 'approval', 'client-tool'] as const;
export type ReadyMadeScript = (typeof SCRIPTS)[number];

const SLOW_WORDS = 60;
const SLOW_DELAY_MS = 200;

export function isReadyMadeScript(name: string): name is ReadyMadeScript {
  return SCRIPTS.some((script) => script === name);
}

/**
 * The tools that a ready-made script brings along when the run declares none: `script/slow` a timer,
 * `script/approval` a note that needs an approval. For every other model there are none.
 */
export function builtinAgentTools(model: string): Tool[] {
  switch (model) {
    case 'script/slow':
      return [{ type: 'builtin', name: 'sleep_until' }];
    case 'script/approval':
      return [{ type: 'builtin', name: RECORD_NOTE, approval: 'always' }];
    default:
      return [];
  }
}

/** The tools of an agent; those of its plan do not keep a ready-made script from bringing its own. */
export function toolsOfAgent(agent: Pick<RunAgent, 'model' | 'tools'> | null): Tool[] {
  const tools = agent?.tools ?? [];
  const isOwn = (tool: Tool): boolean => tool.type !== 'builtin' || !Object.hasOwn(PLAN_TOOLS, tool.name);
  return tools.some(isOwn) ? tools : [...builtinAgentTools(agent?.model ?? ''), ...tools];
}

/** What the script says next. It depends on the transcript alone, so that a session or a reopened run goes on well. */
export function readyMadeTurn(name: ReadyMadeScript, request: ModelRequest): ScriptTurn {
  switch (name) {
    case 'echo':
      return { text: echoText(request) };
    case 'slow':
      return slowTurn(request);
    case 'approval':
      return callThenReport(request, approvalTool(request.tools));
    case 'client-tool':
      return callThenReport(request, clientTool(request.tools));
    default:
      return name satisfies never;
  }
}

function echoText(request: ModelRequest): string {
  const last = request.messages.findLast((message) => message.role === 'user');
  if (last === undefined) return '(nothing was said)';
  const shown = last.parts.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join(' ');
  return shown.trim() === '' ? '(nothing was said)' : shown;
}

function slowTurn(request: ModelRequest): ScriptTurn {
  const isSecond = callsOfLastAnswer(request).length > 0;
  const deltas = Array.from(
    { length: SLOW_WORDS },
    (_, index) => `${index + 1}${index + 1 < SLOW_WORDS ? ' ' : ''}`,
  );
  const timer = request.tools.find((tool) => tool.name === 'sleep_until');
  return {
    deltas,
    deltaDelayMs: SLOW_DELAY_MS,
    ...(isSecond || timer === undefined ? {} : { toolCalls: [{ tool: timer.name, args: { seconds: 1 } }] }),
  };
}

function callThenReport(request: ModelRequest, tool: ModelTool | undefined): ScriptTurn {
  const calls = callsOfLastAnswer(request);
  if (calls.length > 0) return { text: calls.map(report).join('\n') };
  if (tool === undefined) return { text: 'The run has no tool that I could call.' };
  const said = request.messages.findLast((message) => message.role === 'user');
  return {
    text: `I call ${tool.name}.`,
    toolCalls: [
      { tool: tool.name, args: sampleArgs(tool.inputSchema, said === undefined ? '' : textOf(said.parts)) },
    ],
  };
}

function callsOfLastAnswer(request: ModelRequest): readonly TranscriptCall[] {
  return request.messages.findLast((message) => message.role === 'assistant')?.calls ?? [];
}

function report(call: TranscriptCall): string {
  const why = call.error === null || call.error.message === '' ? '' : `: ${call.error.message}`;
  switch (call.state) {
    case 'completed':
      return `${call.tool} returned ${typeof call.output === 'string' ? call.output : JSON.stringify(call.output)}.`;
    case 'denied':
      return call.error === null || call.error.code === 'denied'
        ? `${call.tool} was denied${why}.`
        : `${call.tool} gave no result${why}.`;
    case 'failed':
    case 'ready':
    case 'running':
    case 'waiting':
    case 'in_doubt':
      return `${call.tool} gave no result${why}.`;
    default:
      return call.state satisfies never;
  }
}

function approvalTool(tools: readonly ModelTool[]): ModelTool | undefined {
  return (
    tools.find((tool) => tool.approval !== undefined && tool.approval !== 'never') ??
    tools.find((tool) => tool.name === RECORD_NOTE) ??
    tools.find((tool) => tool.type !== 'builtin')
  );
}

function clientTool(tools: readonly ModelTool[]): ModelTool | undefined {
  return tools.find((tool) => tool.type === 'client') ?? tools.find((tool) => tool.type === undefined);
}
