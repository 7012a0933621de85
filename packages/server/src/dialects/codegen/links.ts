import type { OperationRequest } from '../../http/route.ts';

/** What pages of other paths of the vendor's are called; all lead to the run's page. */
export const TRACE_PATHS = ['/agent/trace', '/traces', '/x'] as const;

export const PREFIX = '/codegen';

type Asked = Pick<OperationRequest<unknown, unknown, unknown>, 'faces'>;

/** Base of the server's links, without the face's prefix. */
export function serverBase({ faces }: Asked): string {
  const url = faces.find((face) => face.name === 'codegen')?.url ?? '';
  return url.endsWith(PREFIX) ? url.slice(0, -PREFIX.length) : url;
}

/** The page of a run, as clients are told; it leads to the console. */
export function runUrl(base: string, number: number): string {
  return `${base}${PREFIX}${TRACE_PATHS[0]}/${number}`;
}
