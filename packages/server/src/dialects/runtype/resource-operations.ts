import type { Operation } from '../../http/route.ts';
import { createAgent } from './routes/create-agent.ts';
import { deleteAgent } from './routes/delete-agent.ts';
import { getAgent } from './routes/get-agent.ts';
import { listAgents } from './routes/list-agents.ts';
import { updateAgent } from './routes/update-agent.ts';
import { createFlow } from './routes/create-flow.ts';
import { deleteFlow } from './routes/delete-flow.ts';
import { getFlow } from './routes/get-flow.ts';
import { listFlows } from './routes/list-flows.ts';
import { updateFlow } from './routes/update-flow.ts';
import { getExecution } from './routes/get-execution.ts';
import { getToolCall } from './routes/get-tool-call.ts';
import { listExecutions } from './routes/list-executions.ts';
import { listToolCalls } from './routes/list-tool-calls.ts';

/** Saved agents and flows, and what executions did. */
export const resourceOperations: readonly Operation[] = [
  listAgents,
  createAgent,
  getAgent,
  updateAgent,
  deleteAgent,
  listExecutions,
  getExecution,
  listToolCalls,
  getToolCall,
  listFlows,
  createFlow,
  getFlow,
  updateFlow,
  deleteFlow,
];
