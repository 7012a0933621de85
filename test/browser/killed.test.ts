import { describe, expect, test } from 'vitest';
import { testDatabase } from '../world/database.ts';
import { API_KEY, ServerProcess } from '../world/processes.ts';
import { executablePath, sharedVisitor } from './browser.ts';

const visitor = sharedVisitor();
const WORDS = Array.from({ length: 60 }, (_, index) => `word-${index} `);

describe.skipIf(executablePath === null)('the widget and a server that is killed', () => {
  test('the text stands once after a kill in the middle of it and a reconnect', async () => {
    await using database = await testDatabase();
    await using first = await ServerProcess.start(database.env);
    const { url, api } = first;
    const headers = { Authorization: `Bearer ${API_KEY}` };
    const agent = await api.ok<{ id: string }>('POST', '/agents', {
      body: { name: 'Talker', script: [{ deltas: WORDS, deltaDelayMs: 50 }] },
    });
    await using widget = await visitor.open({
      config: { apiUrl: `${url}/runtype/v1/dispatch`, headers, agentId: agent.id },
      reconnect: { base: `${url}/runtype/v1/agents/${agent.id}/executions`, headers },
    });
    await widget.send('Talk');
    await widget.until((messages) => messages.some(({ content }) => content.includes('word-9')));
    await first.kill();
    await using second = await ServerProcess.start({ ...database.env, PORT: new URL(url).port });
    expect(second.url).toBe(url);
    await widget.untilText(WORDS.join(''), 40_000);
    expect(await widget.texts()).toEqual([WORDS.join('')]);
  });
});
