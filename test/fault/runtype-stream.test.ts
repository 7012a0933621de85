import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RuntypeClient, textIn, type RuntypeFrame } from '../contract/runtype/runtype-client.ts';
import { testDatabase } from '../world/database.ts';
import { ServerProcess } from '../world/processes.ts';
import { STREAMED_WORDS, streamingRun } from './scripts.ts';

const KEY = 'fermata_test_admin_key';

test('a widget whose server is killed in mid-text goes on at another by after, and the text stands once', async () => {
  await using database = await testDatabase();
  await using survivor = await ServerProcess.start(database.env);
  const doomed = await ServerProcess.start(database.env);
  const before = new RuntypeClient(`${doomed.url}/runtype`, KEY);
  const after = new RuntypeClient(`${survivor.url}/runtype`, KEY);
  const { id: runId } = await doomed.api.start(streamingRun(150));
  const path = `/v1/agents/virtual/executions/${runId}/events`;

  const received: RuntypeFrame[] = [];
  try {
    for await (const frame of before.stream('GET', path)) {
      received.push(frame);
      if (received.filter(({ event }) => event === 'text_delta').length === 10) await doomed.kill();
    }
    throw new Error('a killed server must not end a stream in order');
  } catch (error) {
    expect(String(error)).not.toContain('in order');
  }
  await doomed[Symbol.asyncDispose]();

  while (received.at(-1)?.event !== 'execution_complete') {
    const last = received.at(-1)?.id ?? '';
    for await (const frame of after.stream('GET', `${path}?after=${last}`)) received.push(frame);
    await delay(50);
  }

  const ids = received.map((frame) => frame.id);
  expect(new Set(ids).size, 'no frame comes twice').toBe(ids.length);
  expect(received, 'what was received in two parts is what there is').toEqual(
    await after.frames('GET', path),
  );
  const words = Array.from({ length: STREAMED_WORDS }, (_, index) => `word-${index} `).join('');
  expect(textIn(received), 'the turn that was made again repeats nothing').toBe(words);
  const blocks = received.filter(({ event }) => event === 'text_start').map(({ data }) => data['id']);
  expect(new Set(blocks).size, 'every block has an id of its own').toBe(blocks.length);
});
