import { describe, expect, it } from 'vitest';
import { testWorld } from '../../world/server.ts';

describe('an approval', () => {
  it('stops the run until somebody approves, and then the run finishes', async () => {
    await using world = await testWorld();
    const { api, operator } = world;
    const started = await api.start({ model: 'script/approval', input: 'Send the report' });
    const run = await api.reaches(started.id, 'waiting');
    expect(run.openWaits).toHaveLength(1);
    const [wait] = await api.openWaits(run.id);
    expect(wait).toMatchObject({ kind: 'approval', tool: 'record_note', state: 'open' });
    const answered = await operator.answer(wait?.id ?? '', {
      decision: 'approve',
      digest: wait?.digest ?? '',
    });
    expect(answered).toMatchObject({ changed: true, wait: { state: 'resolved' } });
    const finished = await api.reaches(run.id, 'succeeded');
    expect(finished.output).toContain('record_note returned');
  });
});
