import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { answerJson } from '../../world/tool-target.ts';
import { RuntypeClient, textIn, types, type RuntypeFrame } from './runtype-client.ts';
import { conversation, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

interface Paused {
  executionId: string;
  approvals: string[];
}

/** An execution that asks for so many approvals at once. */
async function asked(count: number): Promise<Paused> {
  const toolCalls = Array.from({ length: count }, (_, index) => ({ tool: 'pay', args: { n: index + 1 } }));
  const http = { url: `${world().target.url}/pay`, method: 'POST' as const };
  const pay = { type: 'http' as const, name: 'pay', approval: 'always' as const, http };
  const agentId = await scripted(world(), [{ toolCalls }, { text: 'Done' }], [pay]);
  const frames = await runtype().dispatch(conversation(agentId));
  return {
    executionId: String(frames[0]?.data['executionId']),
    approvals: frames.flatMap(({ event, data }) =>
      event === 'approval_start' ? [String(data['approvalId'])] : [],
    ),
  };
}

function decide(
  { executionId, approvals }: Paused,
  index: number,
  decision: string,
): Promise<RuntypeFrame[]> {
  const body = { executionId, approvalId: approvals[index], decision, streamResponse: true };
  return runtype().frames('POST', '/v1/agents/virtual/approve', { body });
}

const count = (frames: readonly RuntypeFrame[], type: string): number =>
  frames.filter(({ event }) => event === type).length;

describe('several approvals', () => {
  verifies(['approve.early'], async () => {
    const paused = await asked(3);
    const { target } = world();
    const usual = target.handler;
    const before = target.seen.length;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    target.handler = (_request, response) => void released.then(() => answerJson(response, { ok: true }));
    try {
      const first = await decide(paused, 0, 'approved');
      expect(types(first)).toEqual(['execution_start', 'approval_complete']);
      await expect.poll(() => target.seen.length - before).toBe(1);
      const second = await decide(paused, 1, 'denied');
      expect(types(second)).toEqual(['execution_start', 'tool_start', 'approval_complete']);
      expect(second.at(-1)?.data).toMatchObject({ approvalId: paused.approvals[1], decision: 'denied' });
      const repeated = await decide(paused, 1, 'approved');
      expect(types(repeated)).toEqual(['execution_start', 'tool_start', 'approval_complete']);
      expect(repeated.at(-1)?.data).toMatchObject({ decision: 'denied' });
      const last = decide(paused, 2, 'approved');
      await expect.poll(() => target.seen.length - before).toBe(2);
      release();
      const all = [...first, ...second, ...(await last)];
      expect(all.at(-1)?.event).toBe('execution_complete');
      expect(count(all, 'approval_complete')).toBe(3);
      expect(count(all, 'tool_complete')).toBe(2);
      expect(textIn(all)).toBe('Done');
    } finally {
      release();
      target.handler = usual;
    }
  });

  verifies(['approve.early-outcome'], async () => {
    const paused = await asked(2);
    const first = await decide(paused, 0, 'approved');
    expect(types(first)).toEqual(['execution_start', 'approval_complete']);
    const runId = paused.executionId.replace('exec_', '');
    await expect.poll(() => outcomesIn(runId)).toBe(1);
    await expect.poll(async () => (await world().api.run(runId)).status).toBe('waiting');
    const last = await decide(paused, 1, 'denied');
    expect(types(last).slice(0, 5)).toEqual([
      'execution_start',
      'tool_start',
      'tool_complete',
      'approval_complete',
      'turn_start',
    ]);
    const all = [...first, ...last];
    expect(count(all, 'approval_complete')).toBe(2);
    expect(count(all, 'tool_start')).toBe(1);
    expect(textIn(all)).toBe('Done');
  });

  verifies(['approve.at-once'], async () => {
    const paused = await asked(3);
    const tabs = await Promise.all([0, 1, 2].map((index) => decide(paused, index, 'approved')));
    expect(tabs.filter((frames) => frames.at(-1)?.event === 'execution_complete')).toHaveLength(1);
    const all = tabs.flat();
    expect(count(all, 'approval_complete')).toBe(3);
    expect(textIn(all)).toBe('Done');
  });
});

async function outcomesIn(runId: string): Promise<number> {
  const path = `/v1/runs/${runId}/events?types=tool.completed`;
  return (await world().api.call<{ data: unknown[] }>('GET', path)).data.length;
}
