import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SavedFlowReply } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import { testWorld } from '../../world/server.ts';

const GREETING = {
  name: 'Greeting',
  steps: [{ id: 'say', name: 'Say', type: 'send', text: 'Hello, {{ user_message }}!' }],
};

async function flowFile(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'fermata-flow-'));
  const path = join(folder, 'flow.json');
  await writeFile(path, JSON.stringify(GREETING));
  return { path, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe('the default flow', () => {
  it('carries out requests that name neither agent nor flow, and no others', async () => {
    await using file = await flowFile();
    await using world = await testWorld({ env: { FERMATA_DEFAULT_FLOW: file.path } });
    const { api } = world;
    const run = await api.start({ input: 'Ada' });
    expect(run).toMatchObject({ kind: 'flow', agent: null, flow: { id: null, name: 'Greeting' } });
    expect(await api.finished(run.id)).toMatchObject({ status: 'succeeded', output: 'Hello, Ada!' });
    const named = await api.start({ input: 'Ada', agent: { model: 'script/echo' } });
    expect(await api.finished(named.id)).toMatchObject({ kind: 'agent', flow: null, output: 'Ada' });
    expect(await api.start({ input: 'x', mode: 'external' })).toMatchObject({ kind: 'agent', flow: null });
  });

  it('may be a saved one, and is not_configured when it is not there', async () => {
    await using world = await testWorld({ env: { FERMATA_DEFAULT_FLOW: 'flow_0' } });
    const { api } = world;
    expect(await api.refused('POST', '/v1/runs', { input: 'Ada' })).toMatchObject({ code: 'not_configured' });
    const saved = await api.call<SavedFlowReply>('POST', '/v1/flows', GREETING);
    const second = await world.addServer({ FERMATA_DEFAULT_FLOW: saved.id });
    const run = await api.at(second.url).start({ input: 'Ada' });
    expect(run.flow).toEqual({ id: saved.id, name: 'Greeting' });
    expect(await api.finished(run.id)).toMatchObject({ output: 'Hello, Ada!' });
  });
});
