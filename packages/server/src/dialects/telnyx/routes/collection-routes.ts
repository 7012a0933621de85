import { randomUUID } from 'node:crypto';
import { jsonObjectSchema, type JsonObject } from '@fermata/protocol';
import { z } from 'zod';
import type { StoredRecord } from '../../../engine/facade-accounts.ts';
import { EngineError } from '../../../engine/errors.ts';
import type { Operation, OperationRequest } from '../../../http/route.ts';
import { listObjects, placeOf, type Collection } from '../collections.ts';
import { objectData } from '../encode.ts';
import { data, findMission, isRepeated, telnyxOperation } from '../operation.ts';
import { anyObjectSchema, list, looseMissionParamsSchema, single } from '../wire.ts';

type Scoped = Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>;

/**
 * The five operations of a collection whose objects have no schema: any object is kept as it is, an empty body is an
 * empty object, and PUT replaces.
 */
export function collectionRoutes(collection: Collection): Operation[] {
  const { path, idName, singular } = collection;
  const all = `/ai/missions/{mission_id}/${path}`;
  const one = `${all}/{${idName}}`;
  const params = looseMissionParamsSchema.catchall(z.string());
  const shown = (missionId: string, record: StoredRecord): JsonObject =>
    objectData(missionId, idName, record);

  async function find(
    request: Scoped & { params: z.output<typeof params> },
  ): Promise<{ missionId: string; record: StoredRecord }> {
    const { id: missionId } = await findMission(request, request.params.mission_id);
    const { engine, caller } = request;
    const id = request.params[idName] ?? '';
    const record = await engine.records.read(caller, 'telnyx', placeOf(collection, missionId), id);
    if (record === null) throw new EngineError('not_found', `there is no such ${singular}`);
    return { missionId, record };
  }

  return [
    telnyxOperation({
      method: 'GET',
      path: all,
      role: 'viewer',
      summary: `List ${singular}s`,
      params,
      replies: { 200: { description: 'All of them, the oldest first', schema: list(jsonObjectSchema) } },
      handle: async (request) => {
        const { id } = await findMission(request, request.params.mission_id);
        return data(200, await listObjects(request, collection, id));
      },
    }),
    telnyxOperation({
      method: 'POST',
      path: all,
      role: 'developer',
      summary: `Create ${singular}`,
      params,
      body: anyObjectSchema,
      replies: { 201: { description: `The ${singular}`, schema: single(jsonObjectSchema) } },
      handle: async (request) => {
        const { engine, caller, body, command } = request;
        const { id: missionId } = await findMission(request, request.params.mission_id);
        const place = placeOf(collection, missionId);
        return command(
          (options) => engine.records.add(caller, 'telnyx', place, randomUUID(), body ?? {}, options),
          (record) => data(201, shown(missionId, record)),
        );
      },
    }),
    telnyxOperation({
      method: 'GET',
      path: one,
      role: 'viewer',
      summary: `Get ${singular}`,
      params,
      replies: { 200: { description: `The ${singular}`, schema: single(jsonObjectSchema) } },
      handle: async (request) => {
        const { missionId, record } = await find(request);
        return data(200, shown(missionId, record));
      },
    }),
    telnyxOperation({
      method: 'PUT',
      path: one,
      role: 'developer',
      summary: `Update ${singular}`,
      description: 'Replaces the object.',
      params,
      body: anyObjectSchema,
      replies: { 200: { description: `The ${singular}`, schema: single(jsonObjectSchema) } },
      handle: async (request) => {
        const { missionId, record } = await find(request);
        const { engine, caller, body } = request;
        await engine.records.put(caller, 'telnyx', placeOf(collection, missionId), record.id, body ?? {});
        const changed = await find(request);
        return data(200, shown(missionId, changed.record));
      },
    }),
    telnyxOperation({
      method: 'DELETE',
      path: one,
      role: 'developer',
      summary: `Delete ${singular}`,
      params,
      replies: { 204: { description: 'It is deleted' } },
      handle: async (request) => {
        const { engine, caller } = request;
        const { id: missionId } = await findMission(request, request.params.mission_id);
        const id = request.params[idName] ?? '';
        const isDeleted = await engine.records.delete(caller, 'telnyx', placeOf(collection, missionId), id);
        if (!isDeleted && !isRepeated(request)) {
          throw new EngineError('not_found', `there is no such ${singular}`);
        }
        return { status: 204, body: null };
      },
    }),
  ];
}
