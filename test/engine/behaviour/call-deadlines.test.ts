import type { EventData, JsonObject, Run, RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { comesTo } from '../../world/delegating.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

/** A run that calls a client tool which nobody answers, and then reports. */
function start(tool: JsonObject): Promise<Run> {
  const deadline = [{ after: 1, expire: true }];
  const tools = [{ type: 'client', name: 'page', deadline, ...tool }];
  return world().script([{ toolCalls: [{ tool: 'page', args: {} }] }, { text: 'I went on.' }], { tools });
}

function dataOf<T extends RunEvent['type']>(events: readonly RunEvent[], type: T): EventData<T>[] {
  return events.flatMap((event) => (event.type === type ? [event.data as EventData<T>] : []));
}

const EXPIRED = {
  resolution: { outcome: 'expired', value: null, by: { type: 'system', id: 'sweep' }, via: 'system' },
};

describe('the deadline of a call', () => {
  it('expires its approval, which counts as denied; nothing is done, and the model goes on', async () => {
    const { api } = world();
    const run = await start({ approval: 'always' });
    const ended = await comesTo(api, run.id, 'succeeded');
    expect(ended.output).toBe('I went on.');
    const events = await api.events(run.id);
    expect(dataOf(events, 'wait.opened').map(({ kind }) => kind)).toEqual(['approval']);
    expect(only(dataOf(events, 'wait.expired'))).toMatchObject(EXPIRED);
    expect(only(dataOf(events, 'tool.denied'))).toMatchObject({ outcome: 'expired' });
    const [call] = (await api.messages(run.id)).flatMap(({ calls }) => calls ?? []);
    expect(call).toMatchObject({ state: 'denied', error: { code: 'expired' } });
  });

  it('is counted anew for the output, once the call is approved', async () => {
    const { api } = world();
    const run = await start({ approval: 'always' });
    await api.reaches(run.id, 'waiting');
    const approval = only(await api.openWaits(run.id));
    await api.answer(approval.id, { decision: 'approve', digest: approval.digest ?? '' });
    await comesTo(api, run.id, 'succeeded');
    const events = await api.events(run.id);
    const [asked, awaited] = dataOf(events, 'wait.opened');
    expect([asked?.kind, awaited?.kind]).toEqual(['approval', 'tool_output']);
    const resolvedAt = Date.parse(only(dataOf(events, 'wait.resolved')).resolution.at);
    expect(Date.parse(awaited?.deadlineAt ?? '')).toBeGreaterThanOrEqual(resolvedAt + 1_000);
    expect(only(dataOf(events, 'wait.expired'))).toMatchObject({ waitId: awaited?.id, ...EXPIRED });
  });

  it('fails the run where the tool says so', async () => {
    const { api } = world();
    const run = await start({ approval: 'always', onExpire: 'fail' });
    expect((await comesTo(api, run.id, 'failed')).error).toMatchObject({ code: 'timed_out' });
  });
});
