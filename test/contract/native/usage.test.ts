import type { OrganizationReply, Run, UsageReport } from '@fermata/protocol';
import { afterEach, describe, expect } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({
  env: { FERMATA_PRICES: JSON.stringify({ 'script/priced': { input: 1_000_000, output: 2_000_000 } }) },
});
const NOTE = { type: 'builtin', name: 'record_note' };
const TODAY = new Date().toISOString().slice(0, 10);

/** A turn that uses this many tokens, and calls a tool unless it is the last. */
function turn(inputTokens: number, outputTokens: number, isLast = false): Body {
  return {
    text: 'x',
    usage: { inputTokens, outputTokens },
    ...(isLast ? {} : { toolCalls: [{ tool: 'record_note', args: { text: 'x' } }] }),
  };
}

function run(turns: Body[], more: Body = {}): Promise<Run> {
  return world().script(turns, { model: 'script/priced', tools: [NOTE], ...more });
}

function usage(query: string): Promise<UsageReport> {
  return world().viewer.call('GET', `/v1/usage?${query}`);
}

function setLimits(dailyLimits: Body): Promise<OrganizationReply> {
  return world().api.call('PATCH', '/v1/organization', { dailyLimits });
}

const NONE = { maxTurns: null, maxTokens: null, maxCostUsd: null, maxToolCalls: null };
afterEach(async () => {
  await setLimits(NONE);
});

describe('usage', () => {
  verifies(['usage.report', 'prices.cost'], async () => {
    const { api } = world();
    const agent = await api.call<{ id: string }>('POST', '/v1/agents', {
      name: 'counted',
      model: 'script/priced',
      script: [turn(3, 2), turn(5, 1, true)],
      tools: [NOTE],
    });
    const counted = await api.start({ agent: agent.id, input: 'x' });
    expect((await api.reaches(counted.id, 'succeeded')).usage).toMatchObject({
      turns: 2,
      toolCalls: 1,
      inputTokens: 8,
      outputTokens: 3,
      costUsd: 14,
      byModel: { 'script/priced': { costUsd: 14 } },
    });
    const unpriced = await api.start({ model: 'gated/unknown', input: 'x' });
    const call = await world().model.next();
    call.say('hello');
    call.end();
    expect((await api.reaches(unpriced.id, 'succeeded')).usage.costUsd).toBeNull();

    const byModel = await usage(`from=${TODAY}&to=${TODAY}&groupBy=model`);
    expect(byModel).toMatchObject({ from: TODAY, to: TODAY, groupBy: ['model'] });
    const priced = only(byModel.data.filter((row) => row.model === 'script/priced'));
    expect(priced).toEqual({
      day: null,
      model: 'script/priced',
      agentId: null,
      turns: 2,
      toolCalls: 0,
      inputTokens: 8,
      outputTokens: 3,
      costUsd: 14,
      unpricedTurns: 0,
    });
    expect(only(byModel.data.filter((row) => row.model === 'gated/unknown'))).toMatchObject({
      turns: 1,
      costUsd: 0,
      unpricedTurns: 1,
    });
    expect(only(byModel.data.filter((row) => row.model === null))).toMatchObject({ toolCalls: 1, turns: 0 });
    expect(byModel.total).toMatchObject({ turns: 3, toolCalls: 1, costUsd: 14, unpricedTurns: 1 });
    const byAgent = await usage('groupBy=agent,day');
    expect(only(byAgent.data.filter((row) => row.agentId === agent.id))).toMatchObject({
      day: TODAY,
      turns: 2,
      toolCalls: 1,
    });
    expect(only((await usage('')).data)).toMatchObject({ day: TODAY, model: null, turns: 3 });
    const stranger = await world().stranger.call<UsageReport>('GET', '/v1/usage');
    expect(stranger).toMatchObject({ data: [], total: { turns: 0, costUsd: 0 } });
  });

  verifies(['usage.bad-range'], async () => {
    for (const query of ['from=2026-02-30', 'from=2026-02-02&to=2026-02-01', 'from=x', 'groupBy=colour']) {
      expect(await world().viewer.refused('GET', `/v1/usage?${query}`)).toMatchObject({ status: 422 });
    }
    expect((await usage('from=2020-01-01&to=2020-01-31')).data).toEqual([]);
  });
});

describe('limits', () => {
  verifies(['prices.max-cost'], async () => {
    const { api } = world();
    const limits = { maxCostUsd: 1 };
    const refused = await api.refused('POST', '/v1/runs', { model: 'gated/unknown', input: 'x', limits });
    expect(refused).toMatchObject({ status: 409, code: 'not_configured' });
    expect(refused.detail).toContain('gated/unknown');
    const other = await api.start({ model: 'gated/unknown', input: 'x', startAt: '2090-01-01T00:00:00Z' });
    await api.update(other.id, { limits });
    const external = await api.start({ mode: 'external', model: 'gated/unknown', limits });
    expect(external.status).toBe('queued');
    const started = await run([turn(1, 0), turn(1, 0, true)], { limits, onLimit: 'pause' });
    await api.reaches(started.id, 'paused');
    await api.command(started.id, 'resume', { model: 'gated/unknown', limits: { maxCostUsd: 50 } });
    expect((await api.reaches(started.id, 'failed')).error).toMatchObject({
      code: 'provider_not_configured',
    });
  });

  verifies(['limits.max-cost'], async () => {
    const { api } = world();
    const { id } = await run([turn(3, 0), turn(3, 0), turn(1, 0, true)], {
      limits: { maxCostUsd: 5 },
      onLimit: 'pause',
    });
    const held = await api.reaches(id, 'paused');
    expect(held.usage.costUsd).toBe(6);
    expect(only(held.holds)).toMatchObject({ name: 'budget', reason: 'maxCostUsd (5) is reached' });
    await api.command(id, 'resume', { limits: { maxCostUsd: 7 } });
    expect((await api.reaches(id, 'succeeded')).usage.costUsd).toBe(7);
  });

  verifies(['limits.organization'], async () => {
    const { api, viewer, developer } = world();
    await setLimits({ maxTurns: 1000, maxCostUsd: 12.5 });
    expect(await setLimits({ maxTurns: null })).toMatchObject({ dailyLimits: { maxCostUsd: 12.5 } });
    expect(await viewer.call('GET', '/v1/organization')).toMatchObject({
      id: 1,
      dailyLimits: { maxCostUsd: 12.5 },
    });
    expect((await viewer.call<{ organization: object }>('GET', '/v1/me')).organization).toMatchObject({
      dailyLimits: { maxCostUsd: 12.5 },
    });
    expect((await developer.request('PATCH', '/v1/organization', { body: { name: 'x' } })).status).toBe(403);
    for (const dailyLimits of [
      { maxTurns: 0 },
      { maxTurns: 1.5 },
      { maxCostUsd: -1 },
      { deadlineAt: TODAY },
    ]) {
      expect(await api.refused('PATCH', '/v1/organization', { dailyLimits })).toMatchObject({ status: 422 });
    }
    expect(await world().stranger.call('GET', '/v1/organization')).toMatchObject({ id: 2, dailyLimits: {} });
  });

  verifies(['limits.daily', 'limits.daily-resume'], async () => {
    const { api } = world();
    const used = (await usage(`from=${TODAY}`)).total;
    await setLimits({ maxTokens: used.inputTokens + used.outputTokens + 10 });
    const { id } = await run([turn(9, 0), turn(1, 0), turn(1, 0, true)], { onLimit: 'pause' });
    const held = await api.reaches(id, 'paused');
    expect(held.usage.turns).toBe(2);
    const hold = only(held.holds);
    expect(hold).toMatchObject({ name: 'budget', by: { type: 'system' } });
    expect(hold.reason).toMatch(
      /daily maxTokens \(\d+\) is reached; it begins anew at \d{4}-\d\d-\d\dT00:00:00/,
    );
    for (const body of [{}, { hold: 'budget' }, { limits: { maxTokens: 10_000 } }]) {
      const refused = await api.refused('POST', `/v1/runs/${id}/resume`, body);
      expect(refused).toMatchObject({ status: 409, code: 'budget_exhausted', holds: [{ name: 'budget' }] });
    }
    const stranger = await world().stranger.start({ input: 'x' });
    await world().stranger.reaches(stranger.id, 'succeeded');
    await setLimits({ maxTokens: 1_000_000 });
    expect(await api.command(id, 'resume')).toMatchObject({ changed: true });
    await api.reaches(id, 'succeeded');

    const calls = (await usage(`from=${TODAY}`)).total.toolCalls;
    await setLimits({ ...NONE, maxToolCalls: calls + 1 });
    const calling = await run([turn(1, 0), turn(1, 0), turn(1, 0, true)], { onLimit: 'pause' });
    const stopped = await api.reaches(calling.id, 'paused');
    expect(stopped.usage).toMatchObject({ turns: 2, toolCalls: 1 });
    expect(only(stopped.holds).reason).toContain('daily maxToolCalls');
  });

  verifies(['limits.daily-fail'], async () => {
    const { api } = world();
    const used = (await usage(`from=${TODAY}`)).total;
    await setLimits({ maxTurns: used.turns + 1 });
    const { id } = await run([turn(1, 0), turn(1, 0, true)], { onLimit: 'fail' });
    const failed = await api.reaches(id, 'failed');
    expect(failed.error).toMatchObject({ code: 'budget_exhausted' });
    expect(failed.error?.message).toContain('daily maxTurns');
    expect(failed.usage.turns).toBe(1);
  });
});
