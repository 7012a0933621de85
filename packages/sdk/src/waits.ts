import type {
  ListWaitsQuery,
  Preview,
  PreviewReply,
  Wait,
  WaitChangedReply,
  assignWaitBodySchema,
  snoozeWaitBodySchema,
} from '@fermata/protocol';
import { listOf } from './list-of.ts';
import type { PagedList } from './pages.ts';
import type { InputOf } from './request-body.ts';
import { DRY_RUN, type Answer } from './runs.ts';
import type { CallOptions, Transport } from './transport.ts';

export type SnoozeWait = InputOf<typeof snoozeWaitBodySchema>;
export type AssignWait = InputOf<typeof assignWaitBodySchema>;

/** Operations on waits: what runs need from outside. */
export interface WaitsApi {
  /** Oldest first; open ones unless `state` says otherwise. */
  list(query?: ListWaitsQuery, options?: CallOptions): PagedList<Wait>;
  get(waitId: string, options?: CallOptions): Promise<Wait>;
  /** The first answer wins; a later one is refused `wait_closed` with the winner in `details.winner`. */
  answer(waitId: string, body: Answer, options?: CallOptions): Promise<WaitChangedReply>;
  /** What this answer would bring about. Nothing is changed; refusals are those of `answer`. */
  previewAnswer(waitId: string, body: Answer, options?: CallOptions): Promise<Preview>;
  snooze(waitId: string, body: SnoozeWait, options?: CallOptions): Promise<WaitChangedReply>;
  assign(waitId: string, body: AssignWait, options?: CallOptions): Promise<WaitChangedReply>;
}

export function waitsApi({ json }: Transport): WaitsApi {
  const at = (waitId: string, rest = ''): string => `/waits/${encodeURIComponent(waitId)}${rest}`;
  const post =
    <B>(name: string) =>
    (waitId: string, body: B, options?: CallOptions): Promise<WaitChangedReply> =>
      json({ ...options, method: 'POST', path: at(waitId, `/${name}`), body });
  return {
    list: listOf(json, '/waits'),
    get: (waitId, options) => json({ ...options, method: 'GET', path: at(waitId) }),
    answer: post('answer'),
    previewAnswer: async (waitId, body, options) =>
      (
        await json<PreviewReply>({
          ...options,
          method: 'POST',
          path: at(waitId, '/answer'),
          body,
          query: DRY_RUN,
        })
      ).preview,
    snooze: post('snooze'),
    assign: post('assign'),
  };
}
