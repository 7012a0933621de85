import type { Json } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { RuntypeClient } from './runtype-client.ts';
import { conversation, pageTool, scripted } from './scripted.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld();
const runtype = (): RuntypeClient => RuntypeClient.of(world());

interface Awaiting {
  executionId: string;
  /** Ids of the calls that are awaited. */
  calls: string[];
}

async function awaiting(agentId: string, more: Record<string, unknown> = {}): Promise<Awaiting> {
  const frames = await runtype().dispatch(conversation(agentId, more));
  const calls = frames.flatMap(({ event, data }) => (event === 'await' ? [String(data['toolCallId'])] : []));
  return { executionId: String(frames[0]?.data['executionId']), calls };
}

/** An execution that waits for two tools of the page. */
async function awaitingTwo(): Promise<{ executionId: string; a: string; b: string }> {
  const agentId = await scripted(world(), [{ toolCalls: [{ tool: 'a' }, { tool: 'b' }] }, { text: 'Done' }]);
  const { executionId, calls } = await awaiting(agentId, { clientTools: [pageTool('a'), pageTool('b')] });
  const [a = '', b = ''] = calls;
  return { executionId, a, b };
}

interface Message {
  role: string;
  parts: { text?: string }[];
  calls: { output: Json }[];
}

async function messagesOf(executionId: string): Promise<Message[]> {
  const path = `/v1/runs/${executionId.replace('exec_', '')}/messages`;
  return (await world().api.call<{ data: Message[] }>('GET', path)).data;
}

async function saidTo(executionId: string): Promise<string[]> {
  const messages = await messagesOf(executionId);
  return messages
    .filter(({ role }) => role === 'user')
    .map(({ parts }) => parts.map(({ text }) => text).join(''));
}

const says = (...texts: string[]): { role: string; content: string }[] =>
  texts.map((content) => ({ role: 'user', content }));

describe('repeats of a resume', () => {
  verifies(['repeat.at-once'], async () => {
    const { executionId, a, b } = await awaitingTwo();
    const part = { executionId, toolOutputs: { [a]: 1 }, messages: says('one', 'two') };
    await Promise.all([1, 2, 3].map(() => runtype().resume(part)));
    expect(await saidTo(executionId)).toEqual(['go', 'one', 'two']);
    const whole = { executionId, toolOutputs: { [a]: 1, [b]: 2 }, messages: says('three') };
    const tabs = await Promise.all([1, 2, 3].map(() => runtype().resume(whole)));
    for (const frames of tabs) expect(frames.at(-1)?.event).toBe('execution_complete');
    expect(await saidTo(executionId)).toEqual(['go', 'one', 'two', 'three']);
  });

  verifies(['repeat.child'], async () => {
    const childId = await scripted(
      world(),
      [{ toolCalls: [{ tool: 'look' }, { tool: 'touch' }] }, { text: 'Child is done' }],
      [
        { type: 'client', name: 'look' },
        { type: 'client', name: 'touch' },
      ],
    );
    const agentId = await scripted(
      world(),
      [{ toolCalls: [{ tool: 'helper', args: { message: 'look' } }] }, { text: 'Done' }],
      [{ type: 'run', name: 'helper', run: { agent: childId } }],
    );
    const { executionId, calls } = await awaiting(agentId);
    const [look = '', touch = ''] = calls;
    const part = { executionId, toolOutputs: { [look]: 'seen' }, messages: says('once') };
    await runtype().resume(part);
    await runtype().resume({ ...part, messages: says('once', 'more') });
    expect(await saidTo(executionId)).toEqual(['go', 'once']);
    const rest = await runtype().resume({ executionId, toolOutputs: { [touch]: 'felt' } });
    expect(rest.at(-1)?.event).toBe('execution_complete');
  });

  verifies(['repeat.unequal'], async () => {
    const { executionId, a, b } = await awaitingTwo();
    const large = 'x'.repeat(200 * 1024);
    await runtype().resume({ executionId, toolOutputs: { [a]: large }, messages: says('first') });
    await runtype().resume({ executionId, toolOutputs: { [a]: large }, messages: says('first', 'dropped') });
    const late = { executionId, toolOutputs: { [a]: `${large}y` }, messages: says('new') };
    await runtype().resume(late);
    await runtype().resume(late);
    const rest = await runtype().resume({ executionId, toolOutputs: { [b]: 2 } });
    expect(rest.at(-1)?.event).toBe('execution_complete');
    expect(await saidTo(executionId)).toEqual(['go', 'first', 'new']);
    const outputs = (await messagesOf(executionId)).flatMap(({ calls }) => calls.map(({ output }) => output));
    expect(outputs).toMatchObject([{ truncated: true, sizeBytes: large.length }, 2]);
  });
});
