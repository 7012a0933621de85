import type { ErrorCode, Mission, Run } from '@fermata/protocol';
import { EngineError } from '../../engine/errors.ts';
import { defineOperation, type Operation, type OperationRequest } from '../../http/route.ts';

type Spec<P, Q, B> = Omit<Operation<P, Q, B>, 'operationId' | 'errors' | 'tag'> & {
  errors?: readonly ErrorCode[];
};

/** An operation under the vendor's name for it, `post_public_missions_missions_mission_id_runs_run_id_resume`. */
export function telnyxOperation<P = unknown, Q = unknown, B = unknown>(
  spec: Spec<P, Q, B>,
): Operation<P, Q, B> {
  const path = spec.path.slice('/ai/'.length).replaceAll(/[{}]/g, '').replaceAll(/[/-]/g, '_');
  return defineOperation({
    ...spec,
    operationId: `${spec.method.toLowerCase()}_public_missions_${path}`,
    tag: 'Missions',
    errors: [...(spec.path.includes('{') ? ['not_found' as const] : []), ...(spec.errors ?? [])],
  });
}

type Scoped = Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>;

/** The mission of a path. `not_found` for none, a deleted one, and a stranger's. */
export function findMission({ engine, caller }: Scoped, missionId: string): Promise<Mission> {
  return engine.missions.get(caller, missionId);
}

export interface FoundRun {
  run: Run;
  /** The mission of runs without one. */
  unassignedId: string;
}

/** The run of a path. `not_found` also when it stands under another mission, or its mission was deleted. */
export async function findRun({
  engine,
  caller,
  params,
}: Scoped & { params: { mission_id: string; run_id: string } }): Promise<FoundRun> {
  const [mission, run, unassignedId] = await Promise.all([
    engine.missions.get(caller, params.mission_id),
    engine.runs.get(caller, params.run_id),
    engine.missions.unassignedId(caller),
  ]);
  if ((run.missionId ?? unassignedId) !== mission.id) {
    throw new EngineError('not_found', 'there is no such run in this mission');
  }
  return { run, unassignedId };
}

/** The vendor's SDK sends no key; it says only that it asks again, since the reply to its first request was lost. */
export function isRepeated({ header }: { header(name: string): string | null }): boolean {
  return Number(header('x-stainless-retry-count') ?? '0') > 0;
}

/** `{data}` as a reply. */
export function data(status: number, value: unknown): { status: number; body: { data: unknown } } {
  return { status, body: { data: value } };
}
