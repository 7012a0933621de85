import { expect, it } from 'vitest';
import { eventually } from '../../world/eventually.ts';
import { testWorld } from '../../world/server.ts';

it('a daily limit that is set at one server is known to the others within about a second', async () => {
  await using world = await testWorld({ servers: 2 });
  const { api, second } = world;
  const done = await api.start({ input: 'x' });
  await api.reaches(done.id, 'succeeded');
  await api.call('PATCH', '/v1/organization', { dailyLimits: { maxTurns: 1 } });
  const setAt = performance.now();
  const held = await eventually(
    async () => {
      const run = await second.start({ input: 'x', onLimit: 'pause' });
      const parked = await second.parked(run.id);
      return parked.status === 'paused' ? parked : null;
    },
    { what: 'the other server holds a run', timeoutMs: 10_000 },
  );
  expect(performance.now() - setAt).toBeLessThan(5_000);
  expect(held.holds).toMatchObject([{ name: 'budget' }]);
  expect(await second.refused('POST', `/v1/runs/${held.id}/resume`, {})).toMatchObject({
    code: 'budget_exhausted',
  });
  await second.call('PATCH', '/v1/organization', { dailyLimits: { maxTurns: null } });
  await second.command(held.id, 'resume');
  expect((await second.reaches(held.id, 'succeeded')).usage.turns).toBe(1);
});

it('what every server uses is counted together', async () => {
  await using world = await testWorld({ servers: 2 });
  const { api, second } = world;
  await api.call('PATCH', '/v1/organization', { dailyLimits: { maxTurns: 6 } });
  const started = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      (n % 2 === 0 ? api : second).start({ input: 'x', onLimit: 'pause' }),
    ),
  );
  const parked = await Promise.all(started.map((run) => api.parked(run.id)));
  const used = parked.filter((run) => run.status === 'succeeded').length;
  // At once, each server may begin all that it has: what is in flight is not counted yet.
  expect(used).toBeGreaterThanOrEqual(6);
  const later = await eventually(
    async () => {
      const run = await api.parked((await second.start({ input: 'x', onLimit: 'pause' })).id);
      return run.status === 'paused' ? run : null;
    },
    { what: 'the limit is known everywhere' },
  );
  expect(later.holds[0]?.reason).toContain('daily maxTurns (6)');
});
