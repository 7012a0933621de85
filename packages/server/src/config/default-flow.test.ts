import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConfigError } from './config.ts';
import { loadDefaultFlows } from './default-flow.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-flow-'));
});
afterAll(() => rm(folder, { recursive: true }));

const SEND = { id: 'say', name: 'Say', type: 'send', text: 'hello' } as const;
const NONE = { telnyx: null, codegen: null, runtype: null, shannon: null };
const fine = (): Promise<[]> => Promise.resolve([]);

async function file(content: unknown): Promise<string> {
  const path = join(folder, `${Math.random()}.json`);
  await writeFile(path, JSON.stringify(content));
  return path;
}

describe('the default flow', () => {
  it('is a saved one by its id, or a file, by face', async () => {
    const path = await file({ name: 'Greeting', steps: [SEND] });
    const flows = { default: path, byFace: { ...NONE, runtype: 'flow_1' } };
    const of = await loadDefaultFlows({ flows }, fine);
    expect(of('runtype')).toEqual({ flowId: 'flow_1' });
    expect(of('native')).toEqual({ flow: { name: 'Greeting', steps: [SEND] } });
    expect(of('shannon')).toBeNull();
  });

  it('is refused when it cannot be read, is no flow, or has a step that cannot work', async () => {
    const load = async (path: string): Promise<unknown> =>
      loadDefaultFlows({ flows: { default: path, byFace: NONE } }, async () => [
        { path: [0, 'text'], message: 'does not parse' },
      ]);
    await expect(load(join(folder, 'none.json'))).rejects.toThrow(ConfigError);
    await expect(load(await file({ steps: [{ ...SEND, type: 'loop' }] }))).rejects.toThrow(
      'is no flow: steps.0',
    );
    await expect(load(await file({ steps: [SEND] }))).rejects.toThrow('steps.0.text: does not parse');
  });
});
