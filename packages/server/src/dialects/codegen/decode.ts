import type { Run } from '@fermata/protocol';
import type { Caller } from '../../engine/caller.ts';
import { EngineError } from '../../engine/errors.ts';
import type { RunQuery } from '../../engine/facade.ts';
import type { NewWebhook } from '../../engine/facade-webhooks.ts';
import type { OperationRequest } from '../../http/route.ts';
import { SOURCE_OF_KIND, type Window } from './encode.ts';
import { CodegenError, RUN_NOT_FOUND } from './errors.ts';
import type { PageQuery, SourceType } from './wire.ts';

type Scoped = Pick<OperationRequest<unknown, unknown, unknown>, 'engine' | 'caller'>;

const NO_ACCESS = 'You do not have access to this organization.';
const DEFAULT_LIMIT = 100;

/** Throws 403 for an organization that the caller is no member of, whether it exists or not. */
export function checkOrganization({ organizationId }: Caller, id: number): void {
  if (id !== organizationId) throw new CodegenError('forbidden', NO_ACCESS);
}

/** A run by its number, or by the UUID that other faces show. */
export async function findRun({ engine, caller }: Scoped, id: number | string): Promise<Run> {
  try {
    return await (typeof id === 'number' ? engine.runs.getByNumber(caller, id) : engine.runs.get(caller, id));
  } catch (error) {
    if (error instanceof EngineError && error.code === 'not_found') {
      throw new CodegenError('not_found', RUN_NOT_FOUND);
    }
    throw error;
  }
}

export function windowOf({ skip, limit }: PageQuery): Window {
  return { offset: skip ?? 0, limit: limit ?? DEFAULT_LIMIT };
}

/** `page` and `size` count where `skip` and `limit` are absent, and only when they are sensible. */
export function numberedWindowOf(
  query: PageQuery & { page?: string | undefined; size?: string | undefined },
): Window {
  if (query.skip !== undefined || query.limit !== undefined) return windowOf(query);
  const [page, size] = [numberWithin(query.page, 1_000_000) ?? 1, numberWithin(query.size, DEFAULT_LIMIT)];
  return size === null ? windowOf(query) : { offset: (page - 1) * size, limit: size };
}

function numberWithin(given: string | undefined, most: number): number | null {
  const number = Number(given ?? '');
  return Number.isInteger(number) && number >= 1 && number <= most ? number : null;
}

/** The runs of a source, as a filter; null: there are none. */
export function sourceFilter(source: SourceType | undefined): Pick<RunQuery, 'kind' | 'withoutKind'> | null {
  if (source === undefined) return {};
  const kinds = Object.keys(SOURCE_OF_KIND);
  if (source === 'API') return { withoutKind: kinds };
  const kind = kinds.filter((one) => SOURCE_OF_KIND[one] === source);
  return kind.length === 0 ? null : { kind };
}

/** The webhooks of a request; undefined: it names none. */
export function webhooksOf(
  webhooks: readonly { url: string; secret?: string | undefined }[] | undefined,
): NewWebhook[] | undefined {
  return webhooks?.map(({ url, secret }) => ({
    url,
    secret: secret === undefined || secret === '' ? null : secret,
  }));
}

/** A model that a request names; a blank name is none. */
export function modelOf(model: string | undefined): string | undefined {
  return model === undefined || model.trim() === '' ? undefined : model;
}
