import type { Run, RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { ASK, childrenOf, comesTo, DELEGATE, delegating, QUESTION } from '../../world/delegating.ts';
import { eventually } from '../../world/eventually.ts';
import type { ModelCall } from '../../world/gated-model.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';

const world = sharedWorld();

const GATED = { model: 'gated/child', tools: ['delegate', ASK] };

interface Tree {
  top: Run;
  middle: Run;
  leaf: Run;
  /** The leaf's model call, which stands open. */
  call: ModelCall;
}

/** Three levels: the top and the middle wait, the leaf's model is thinking. */
async function tree(): Promise<Tree> {
  const { api, model, script } = world();
  const middleScript = [delegating(GATED), { text: 'middle is done' }];
  const top = await script(
    [delegating({ script: middleScript, tools: ['delegate', ASK] }), { text: 'top is done' }],
    { tools: [DELEGATE, ASK] },
  );
  const call = await model.next();
  const middle = only(await childrenOf(api, top.id));
  const leaf = only(await childrenOf(api, middle.id));
  await comesTo(api, top.id, 'waiting');
  await comesTo(api, middle.id, 'waiting');
  return { top, middle, leaf, call };
}

async function statuses({ top, middle, leaf }: Tree): Promise<string[]> {
  const runs = await Promise.all([top, middle, leaf].map(({ id }) => world().api.run(id)));
  return runs.map((run) => run.status);
}

async function become(family: Tree, ...wanted: string[]): Promise<void> {
  await eventually(async () => JSON.stringify(await statuses(family)) === JSON.stringify(wanted), {
    what: `the tree is ${wanted.join(', ')}`,
    timeoutMs: 15_000,
  });
}

async function countOf(runId: string, type: RunEvent['type']): Promise<number> {
  return (await world().api.types(runId)).filter((one) => one === type).length;
}

describe('a tree of runs that is paused', () => {
  it('stops as a whole, says so once when its last step has ended, and goes on as a whole', async () => {
    const { api } = world();
    const family = await tree();
    const { top, middle, leaf, call } = family;
    await api.command(top.id, 'pause', { reason: 'lunch' });
    await become(family, 'paused', 'paused', 'pausing');
    expect((await api.run(leaf.id)).holds).toMatchObject([{ name: 'parent', reason: 'lunch' }]);
    expect(await countOf(top.id, 'tree.paused')).toBe(0);
    call.say('so far');
    call.end();
    const paused = await api.event(top.id, 'tree.paused');
    expect(paused.data).toEqual({ runs: 3 });
    expect(await statuses(family)).toEqual(['paused', 'paused', 'paused']);
    expect(await api.command(top.id, 'pause')).toMatchObject({ changed: false });
    await api.command(top.id, 'resume');
    await become(family, 'succeeded', 'succeeded', 'succeeded');
    expect(await countOf(top.id, 'tree.paused')).toBe(1);
    for (const run of [top, middle, leaf]) expect((await api.run(run.id)).holds).toEqual([]);
  });

  it('at once is paused at once: the step in flight is aborted, and done again after the resume', async () => {
    const { api, model } = world();
    const family = await tree();
    await api.command(family.top.id, 'pause', { at: 'now' });
    await family.call.closed;
    await api.event(family.top.id, 'tree.paused');
    expect(await statuses(family)).toEqual(['paused', 'paused', 'paused']);
    await api.command(family.top.id, 'resume');
    const again = await model.next();
    again.end();
    await become(family, 'succeeded', 'succeeded', 'succeeded');
  });

  it('may be resumed before it has stopped: nothing is left behind', async () => {
    const { api } = world();
    const family = await tree();
    const { top, leaf, call } = family;
    await api.command(top.id, 'pause');
    await become(family, 'paused', 'paused', 'pausing');
    await api.command(top.id, 'resume');
    await become(family, 'waiting', 'waiting', 'running');
    expect(await countOf(leaf.id, 'run.paused')).toBe(0);
    call.end();
    await become(family, 'succeeded', 'succeeded', 'succeeded');
    expect(await countOf(top.id, 'tree.paused')).toBe(0);
  });

  it('leaves a child’s own holds when it is resumed, and a child alone with `tree: false`', async () => {
    const { api } = world();
    const family = await tree();
    const { top, middle, leaf, call } = family;
    await api.command(top.id, 'pause', { tree: false });
    await become(family, 'paused', 'waiting', 'running');
    await api.command(middle.id, 'pause', { hold: 'review', tree: false });
    await api.command(top.id, 'pause');
    await become(family, 'paused', 'paused', 'pausing');
    call.end();
    await api.event(top.id, 'tree.paused');
    await api.command(top.id, 'resume');
    await become(family, 'waiting', 'paused', 'succeeded');
    expect((await api.run(middle.id)).holds.map((hold) => hold.name)).toEqual(['review']);
    await api.command(middle.id, 'resume', { hold: 'review' });
    await comesTo(api, leaf.id, 'succeeded');
    await become(family, 'succeeded', 'succeeded', 'succeeded');
  });

  it('starts no child while it is being paused', async () => {
    const { api, model } = world();
    const top = await api.start({ input: 'go', model: 'gated/top', tools: [DELEGATE] });
    const call = await model.next();
    await api.command(top.id, 'pause');
    call.ask({ tool: 'delegate', args: { input: 'x', agent: { model: 'script/echo' } } });
    await comesTo(api, top.id, 'paused');
    expect(await countOf(top.id, 'child.started')).toBe(0);
    await api.command(top.id, 'resume');
    (await model.next()).end();
    await comesTo(api, top.id, 'succeeded');
    expect(await countOf(top.id, 'child.started')).toBe(1);
  });

  it('counts a waiting run that is held as stopped, and keeps answers that come meanwhile', async () => {
    const { api } = world();
    const top = await world().script(
      [delegating({ script: [QUESTION, { text: 'child is done' }], tools: [ASK] }), { text: 'done' }],
      { tools: [DELEGATE] },
    );
    const child = only(await childrenOf(api, top.id));
    await comesTo(api, child.id, 'waiting');
    await comesTo(api, top.id, 'waiting');
    await api.command(top.id, 'pause');
    await api.event(top.id, 'tree.paused');
    const wait = only(await api.openWaits(child.id));
    await api.answer(wait.id, { value: 'this' });
    expect((await api.run(child.id)).status).toBe('paused');
    await api.command(top.id, 'resume');
    await comesTo(api, top.id, 'succeeded');
  });
});

describe('a tree of runs whose top ends', () => {
  it.each([
    ['is cancelled', 'cancel', { reason: 'enough' }],
    ['is reported to have failed', 'report', { status: 'failed', error: { code: 'mine', message: 'no' } }],
    ['is reported done', 'report', { status: 'succeeded', output: 1 }],
  ])('because it %s, ends as a whole', async (_how, verb, body) => {
    const { api } = world();
    const family = await tree();
    await api.command(family.top.id, verb, body);
    await family.call.closed;
    const [top = ''] = await statuses(family);
    await become(family, top, 'cancelled', 'cancelled');
    for (const { id } of [family.middle, family.leaf])
      expect((await api.run(id)).endedBy).toMatchObject({ reason: 'parent_cancelled' });
    await api.event(family.top.id, 'child.finished');
  });

  it('ends while it is paused, too', async () => {
    const { api } = world();
    const family = await tree();
    await api.command(family.top.id, 'pause', { at: 'now' });
    await api.event(family.top.id, 'tree.paused');
    await api.command(family.top.id, 'cancel');
    await become(family, 'cancelled', 'cancelled', 'cancelled');
  });

  it('is begun anew by a retry of the top', async () => {
    const { api, model } = world();
    const family = await tree();
    await api.command(family.top.id, 'report', { status: 'failed', error: { code: 'mine', message: 'no' } });
    await become(family, 'failed', 'cancelled', 'cancelled');
    await api.command(family.top.id, 'retry');
    const call = await model.next();
    const [, second] = await childrenOf(api, family.top.id, 2);
    call.end();
    await comesTo(api, family.top.id, 'succeeded');
    expect((await api.run(second?.id ?? '')).status).toBe('succeeded');
  });
});

describe('a wait for a child', () => {
  it('that a message supersedes is closed, and the child cancelled', async () => {
    const { api } = world();
    const family = await tree();
    const path = `/v1/runs/${family.top.id}/messages`;
    expect(await api.refused('POST', path, { content: 'never mind' })).toMatchObject({ code: 'waits_open' });
    await api.command(family.top.id, 'messages', { content: 'never mind', onWaiting: 'supersede' });
    await become(family, 'succeeded', 'cancelled', 'cancelled');
    const denied = await api.event(family.top.id, 'tool.denied');
    expect(denied.data).toMatchObject({ outcome: 'superseded' });
  });

  it('is not copied by a fork, which delegates anew', async () => {
    const { api, model } = world();
    const family = await tree();
    const fork = await api.fork(family.top.id, {});
    const call = await model.next();
    const [child] = await childrenOf(api, fork.id);
    expect(child?.id).not.toBe(family.middle.id);
    await api.command(fork.id, 'pause', { at: 'now' });
    await api.event(fork.id, 'tree.paused');
    await call.closed;
    expect(await statuses(family)).toEqual(['waiting', 'waiting', 'running']);
    await api.command(fork.id, 'cancel');
    await comesTo(api, child?.id ?? '', 'cancelled');
    expect(await statuses(family)).toEqual(['waiting', 'waiting', 'running']);
    family.call.end();
    await become(family, 'succeeded', 'succeeded', 'succeeded');
  });
});
