import type { Operation } from '../../http/route.ts';
import { clientOperations } from './client-operations.ts';
import { resourceOperations } from './resource-operations.ts';
import { approveAgent } from './routes/approve-agent.ts';
import { approveDispatch } from './routes/approve-dispatch.ts';
import { continueDispatch } from './routes/continue-dispatch.ts';
import { dispatch } from './routes/dispatch.ts';
import { executeAgent } from './routes/execute-agent.ts';
import { getExecutionEvents } from './routes/get-execution-events.ts';
import { resumeAgent } from './routes/resume-agent.ts';
import { resumeDispatch } from './routes/resume-dispatch.ts';

/** Every operation of the face, in the order of its documentation. */
export const runtypeOperations: readonly Operation[] = [
  dispatch,
  resumeDispatch,
  approveDispatch,
  continueDispatch,
  executeAgent,
  resumeAgent,
  approveAgent,
  getExecutionEvents,
  ...resourceOperations,
  ...clientOperations,
];

export const runtypeTags: { name: string; description: string }[] = [
  { name: 'Dispatch', description: 'Run an agent or flow, and answer what it waits for.' },
  { name: 'Agents', description: 'The same by agent, and what its executions did.' },
  { name: 'Flows', description: 'Saved flows.' },
  { name: 'Client', description: 'For pages: with a client token in place of a key.' },
];

/** The operations under other mounts: widgets build the paths of answers from the one that they dispatch to. */
export const mountedOperations: readonly Operation[] = ['/api/chat/dispatch', '/api/chat'].flatMap(
  (mount) => [
    mounted(dispatch, '/v1/dispatch', mount),
    mounted(resumeDispatch, '/v1/dispatch', mount),
    mounted(approveDispatch, '/v1/dispatch', mount),
    mounted(continueDispatch, '/v1/dispatch', mount),
    mounted(resumeAgent, '', mount),
    mounted(approveAgent, '', mount),
    ...clientOperations.map((operation) => mounted(operation, '', mount)),
  ],
);

/** `<mount>/resume` for `/v1/dispatch/resume`, `<mount>/v1/agents/{id}/approve` for itself. Wire section 5.4. */
function mounted(operation: Operation, base: string, mount: string): Operation {
  return { ...operation, path: mount + operation.path.slice(base.length) };
}
