import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { testDatabase } from '../world/database.ts';
import { ServerProcess } from '../world/processes.ts';
import { STREAMED_WORDS, streamingRun } from './scripts.ts';
import { ShannonClient, type ShannonFrame } from '../contract/shannon/shannon-client.ts';

const KEY = 'fermata_test_admin_key';

test('a Shannon client whose server is killed goes on at another by last_event_id, without gap or repeat', async () => {
  await using database = await testDatabase();
  await using survivor = await ServerProcess.start(database.env);
  const doomed = await ServerProcess.start(database.env);
  const before = new ShannonClient(`${doomed.url}/shannon`, KEY);
  const after = new ShannonClient(`${survivor.url}/shannon`, KEY);
  const { id: taskId } = await doomed.api.start(streamingRun(150));

  const received: ShannonFrame[] = [];
  try {
    for await (const frame of before.stream(taskId)) {
      if (frame.event === ':') continue;
      received.push(frame);
      const deltas = received.filter((one) => one.event === 'thread.message.delta').length;
      if (deltas === 10) await doomed.kill();
    }
    throw new Error('a killed server must not end a stream in order');
  } catch (error) {
    expect(String(error)).not.toContain('in order');
  }
  await doomed[Symbol.asyncDispose]();

  while (received.at(-1)?.event !== 'done') {
    const last = received.findLast((frame) => frame.id !== null)?.id ?? '';
    for await (const frame of after.stream(taskId, { last_event_id: last })) {
      if (frame.event !== ':') received.push(frame);
    }
    await delay(50);
  }

  const ids = received.filter((frame) => frame.event !== 'done').map((frame) => frame.id);
  expect(new Set(ids).size, 'no frame comes twice').toBe(ids.length);
  expect(received, 'what was received in two parts is what there is').toEqual(await after.frames(taskId));
  const text = received
    .filter((frame) => frame.event === 'thread.message.delta')
    .map((frame) => (frame.data as { delta: string }).delta)
    .join('');
  const words = Array.from({ length: STREAMED_WORDS }, (_, index) => `word-${index} `).join('');
  expect(text, 'the turn that was made again repeats nothing').toBe(words);
  expect(received.map((frame) => frame.event)).toContain('ERROR_RECOVERY');
});
