import { isJsonObject, type FlowStep, type HttpTool, type RunAgent, type Tool } from '@fermata/protocol';
import type { FoldedStep } from '../../eventlog/fold-flow.ts';

/** Name of the tool by which a step makes its own request. */
export const REQUEST_TOOL = 'http_request';
/** Name of the built-in tool by which a step waits. */
export const SLEEP_TOOL = 'sleep_until';

/**
 * Who carries out a step that was begun: the agent that it names, or one whose only tool is the step's. What was
 * rendered when it began is taken from the log.
 */
export function stepAgent(step: FlowStep, begun: FoldedStep): RunAgent {
  switch (step.type) {
    case 'agent':
      return withInstructions(pinnedAgent(step), begun);
    case 'tool':
      return toolAgent(step, step.tool, step.mcpServers);
    case 'http': {
      const { timeoutMs, afterCrash } = step;
      return toolAgent(step, {
        ...requestTool(begun),
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
        ...(afterCrash === undefined ? {} : { afterCrash }),
      });
    }
    case 'wait':
      if (begun.call?.tool === SLEEP_TOOL) return toolAgent(step, { type: 'builtin', name: SLEEP_TOOL });
      // It is asked again and again as it is.
      return toolAgent(step, { ...requestTool(begun), idempotent: true });
    case 'transform':
    case 'set':
    case 'condition':
    case 'send':
      return { id: null, version: null, name: step.name, model: '' };
  }
}

/** The agent of a step, which was resolved and pinned when the run was started. */
export function pinnedAgent(step: FlowStep & { type: 'agent' }): RunAgent {
  const { agent } = step;
  if (typeof agent === 'object' && agent.model !== undefined)
    return { id: null, version: null, ...agent, name: agent.name ?? step.name, model: agent.model };
  throw new Error(`the agent of step ${step.id} was not pinned when the run was started`);
}

function withInstructions(agent: RunAgent, { input }: FoldedStep): RunAgent {
  const { instructions: _template, ...rest } = agent;
  const rendered = isJsonObject(input) ? input['instructions'] : undefined;
  return typeof rendered === 'string' ? { ...rest, instructions: rendered } : rest;
}

function toolAgent(step: FlowStep, tool: Tool, mcpServers: RunAgent['mcpServers'] = undefined): RunAgent {
  return {
    id: null,
    version: null,
    name: step.name,
    model: '',
    tools: [tool],
    ...(mcpServers === undefined ? {} : { mcpServers }),
  };
}

function requestTool({ input }: FoldedStep): Tool {
  const request = isJsonObject(input) ? input['request'] : undefined;
  if (!isJsonObject(request)) throw new Error('the step has no request in its input');
  // It was written by the step's beginning.
  return { type: 'http', name: REQUEST_TOOL, http: request as unknown as HttpTool };
}
