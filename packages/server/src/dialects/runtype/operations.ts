import type { Operation } from '../../http/route.ts';
import { clientOperations } from './client-operations.ts';
import { resourceOperations } from './resource-operations.ts';

/** Every operation of the face, in the order of its documentation. */
export const runtypeOperations: readonly Operation[] = [...resourceOperations, ...clientOperations];

export const runtypeTags: { name: string; description: string }[] = [
  { name: 'Dispatch', description: 'Run an agent or flow, and answer what it waits for.' },
  { name: 'Agents', description: 'The same by agent, and what its executions did.' },
  { name: 'Client', description: 'For pages: with a client token in place of a key.' },
];
