import type { Operation } from '../../http/route.ts';

/** Every operation of the face, in the order of its documentation. */
export const runtypeOperations: readonly Operation[] = [];

export const runtypeTags: { name: string; description: string }[] = [
  { name: 'Dispatch', description: 'Run an agent or flow, and answer what it waits for.' },
  { name: 'Agents', description: 'The same by agent, and what its executions did.' },
];
