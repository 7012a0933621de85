import type { Run, RunEvent } from '@fermata/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CodegenClient, PIXEL } from '../contract/codegen/codegen-client.ts';
import { testDatabase, type TestDatabase } from '../world/database.ts';
import { eventually } from '../world/eventually.ts';
import { startGatedModel, type GatedModel } from '../world/gated-model.ts';
import { assertRunIsConsistent } from '../world/log-check.ts';
import { ServerProcess } from '../world/processes.ts';
import { reaches } from './see-through.ts';

const API_KEY = 'fermata_test_admin_key';

let database: TestDatabase;
let model: GatedModel;

beforeAll(async () => {
  database = await testDatabase();
  model = await startGatedModel();
});
afterAll(async () => {
  await model[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function start(): Promise<ServerProcess> {
  return ServerProcess.start({
    ...database.env,
    FERMATA_OPENAI_COMPATIBLE: JSON.stringify({ gated: { baseUrl: model.url } }),
  });
}

function codegenAt({ url }: ServerProcess): CodegenClient {
  return new CodegenClient(`${url}/codegen`, API_KEY);
}

async function nativeRun(server: ServerProcess, number: number): Promise<Run> {
  const { data } = await server.api.ok<{ data: Run[] }>('GET', '/runs?limit=100');
  const run = data.find((one) => one.number === number);
  if (run === undefined) throw new Error(`there is no run ${number}`);
  return run;
}

describe('a run that was paused in the middle of a turn, and whose server was killed', () => {
  test.each(['now', 'checkpoint'] as const)(
    'is resumed with a prompt and an image: the model receives all of it in order (pause at %s)',
    async (at) => {
      let number: number;
      {
        await using doomed = await start();
        const made = await codegenAt(doomed).create({ prompt: 'first', model: 'gated/m' });
        number = made.id;
        const first = await model.next();
        first.say('one');
        first.end();
        const run = await nativeRun(doomed, number);
        await reaches(database.sql, run.id, 'succeeded');
        await codegenAt(doomed).resume(number, 'second');
        const second = await model.next();
        second.say('half of tw');
        await eventually(
          async () => {
            const events = await doomed.api.events(run.id);
            return events.some((event) => event.type === 'message.delta' && event.data.turn === 2);
          },
          { what: 'the turn is in its middle' },
        );
        await doomed.api.ok('POST', `/runs/${run.id}/pause`, { body: { at } });
        await reaches(database.sql, run.id, at === 'now' ? 'paused' : 'pausing');
        expect((await codegenAt(doomed).get(number)).status).toBe('PAUSED');
        await doomed.kill();
      }
      await using survivor = await start();
      const run = await nativeRun(survivor, number);
      // What was in flight at the kill is found to be lost, and the pause is complete.
      await reaches(database.sql, run.id, 'paused');
      const codegen = codegenAt(survivor);
      const images = [`data:image/png;base64,${PIXEL}`];
      expect(await codegen.resume(number, 'go on', { images })).toMatchObject({
        id: number,
        status: 'ACTIVE',
      });
      const call = await model.next();
      expect(call.messages).toEqual([
        { role: 'user', content: 'first' },
        { role: 'assistant', content: 'one' },
        { role: 'user', content: 'second' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'go on' },
            { type: 'image_url', image_url: { url: images[0] } },
          ],
        },
      ]);
      call.say('the end');
      call.end();
      await reaches(database.sql, run.id, 'succeeded');
      expect(await codegen.get(number)).toMatchObject({ status: 'COMPLETE', result: 'the end' });
      const events: RunEvent[] = await assertRunIsConsistent(database.sql, run.id);
      expect(events.filter((event) => event.type === 'message.received')).toHaveLength(2);
    },
  );
});
