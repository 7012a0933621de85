import type { Operation } from '../../http/route.ts';
import { getExecution } from './routes/get-execution.ts';
import { getToolCall } from './routes/get-tool-call.ts';
import { listExecutions } from './routes/list-executions.ts';
import { listToolCalls } from './routes/list-tool-calls.ts';

/** Saved agents and flows, and what executions did. */
export const resourceOperations: readonly Operation[] = [
  listExecutions,
  getExecution,
  listToolCalls,
  getToolCall,
];
