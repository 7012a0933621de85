import fc from 'fast-check';
import type { RunEvent, TranscriptMessage } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import {
  adopt,
  answer,
  cancel,
  completeCall,
  DIGEST,
  message,
  openWaits,
  retry,
  startCall,
  waitBody,
} from '../../engine/commands.fixture.ts';
import type { Command } from '../../engine/commands.ts';
import { opArbitrary, tryOp } from '../../engine/random.fixture.ts';
import { call, testRun, type TestRun, withCalls, withWaits } from '../../engine/run.fixture.ts';
import { foldTranscript } from '../../eventlog/fold.ts';
import { sentPrompt } from './sent-prompt.fixture.ts';

interface ChatMessage {
  role: string;
  content?: unknown;
  tool_calls?: { id: string }[];
  tool_call_id?: string;
}
interface AnthropicMessage {
  role: 'user' | 'assistant';
  content: string | { type: string; id?: string; tool_use_id?: string }[];
}

/** What OpenAI refuses: a call without its result directly after it, in order; a result that nobody asked for. */
function checkChat(messages: readonly ChatMessage[]): void {
  const seen = new Set<string>();
  for (let index = 0; index < messages.length; index += 1) {
    const { role, tool_calls: calls = [] } = messages[index] ?? { role: '' };
    expect(role).not.toBe('tool');
    if (calls.length === 0) continue;
    const ids = calls.map(({ id }) => id);
    for (const id of ids) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
    const results = messages.slice(index + 1, index + 1 + ids.length);
    expect(results.map((result) => [result.role, result.tool_call_id])).toEqual(
      ids.map((id) => ['tool', id]),
    );
    index += ids.length;
  }
  expect(messages.at(-1)?.role).not.toBe('assistant');
}

/** What Anthropic refuses: roles that do not alternate, and tool_use blocks whose results do not come next. */
function checkAnthropic(messages: readonly AnthropicMessage[]): void {
  const blocksOf = (
    of: AnthropicMessage | undefined,
  ): { type: string; id?: string; tool_use_id?: string }[] =>
    of === undefined ? [] : typeof of.content === 'string' ? [{ type: 'text' }] : of.content;
  const seen = new Set<string>();
  messages.forEach((own, index) => {
    expect(own.role).toBe(index % 2 === 0 ? 'user' : 'assistant');
    expect(blocksOf(own).length).toBeGreaterThan(0);
    const asked = blocksOf(own).flatMap(({ type, id }) =>
      type === 'tool_use' && id !== undefined ? [id] : [],
    );
    for (const id of asked) {
      expect(seen.has(id)).toBe(false);
      seen.add(id);
    }
    const next = blocksOf(messages[index + 1]);
    const results = next.flatMap(({ type, tool_use_id: id }) => (type === 'tool_result' ? [id] : []));
    expect(results).toEqual(asked);
    expect(next.slice(0, asked.length).every(({ type }) => type === 'tool_result')).toBe(true);
  });
  expect(messages.at(-1)?.role).toBe('user');
}

/** Checks what each provider would be sent now. */
async function checkPrompts(messages: TranscriptMessage[]): Promise<void> {
  const chat = await sentPrompt('chat', messages, { tools: [] });
  checkChat(chat['messages'] as ChatMessage[]);
  const anthropic = await sentPrompt('anthropic', messages, { tools: [] });
  checkAnthropic(anthropic['messages'] as AnthropicMessage[]);
}

/** The conversation as the driver reads it before it starts this turn. */
function promptBefore(events: readonly RunEvent[], seq: number): TranscriptMessage[] {
  return foldTranscript(events.filter((event) => event.seq < seq)).messages;
}

describe('the conversation of any run', () => {
  it('is a valid prompt for OpenAI and Anthropic, whatever has happened to its calls', async () => {
    const outcomes = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(fc.array(opArbitrary, { minLength: 60, maxLength: 140, size: 'max' }), async (ops) => {
        const run = testRun();
        for (const op of ops) tryOp(run, op);
        const starts = run.events.filter((event) => event.type === 'turn.started');
        for (const event of run.events) {
          if (event.type !== 'tool.denied') continue;
          outcomes.set(event.data.outcome, (outcomes.get(event.data.outcome) ?? 0) + 1);
        }
        // Every prompt is a beginning of the last one but for what is changed by its end, so that a few tell enough.
        for (const start of [...starts.slice(-2), ...starts.slice(1, 2)]) {
          await checkPrompts(promptBefore(run.events, start.seq));
        }
        await checkPrompts(foldTranscript(run.events).messages);
      }),
      { numRuns: 60 },
    );
    // Histories without these would prove nothing.
    for (const outcome of ['denied', 'superseded', 'expired', 'interrupted', 'cancelled']) {
      expect([outcome, (outcomes.get(outcome) ?? 0) > 0]).toEqual([outcome, true]);
    }
  }, 120_000);

  const supersede = message({ onWaiting: 'supersede' });
  const mixed = (): TestRun =>
    withWaits([{ kind: 'approval' }, { kind: 'tool_output' }, { kind: 'in_doubt' }]);
  const DIRECTED: Record<string, () => TestRun> = {
    'approval, output and timer superseded': () => {
      const run = withWaits([{ kind: 'approval' }, { kind: 'tool_output' }, { kind: 'timer' }]);
      run.commit(supersede);
      return run;
    },
    'a doubt answered, then the rest superseded': () => {
      const run = mixed();
      expect(run.refused(supersede).code).toBe('waits_open');
      run.commit(answer({ waitId: 'w3' }, { outcome: 'skip' }));
      run.commit(supersede);
      return run;
    },
    'cancelled with open waits and a doubt, then reopened by a message': () => {
      const run = mixed();
      run.commit(cancel());
      run.commit(message({ reopen: true }));
      return run;
    },
    'cancelled while a call was in flight beside a question, then reopened': () => {
      const run = withCalls(['tool', 'tool']);
      run.commit(startCall(call(1)), openWaits(waitBody('w1', 'input', { callId: call(2) })));
      run.commit(cancel());
      run.commit(message({ reopen: true }));
      return run;
    },
    'superseded beside a call that then completes': () => {
      const run = withCalls(['tool', 'tool']);
      run.commit(openWaits(waitBody('w1', 'input', { callId: call(1) })), startCall(call(2)));
      run.commit(supersede);
      run.commit(completeCall(call(2)));
      return run;
    },
    'approved, lost, asked about, skipped': () => {
      const run = withWaits([{ kind: 'approval' }]);
      run.commit(answer({ waitId: 'w1' }, { decision: 'approve', digest: DIGEST }));
      run.claim();
      run.commit(startCall(call(1), DIGEST));
      run.commit(adopt());
      run.claim();
      run.commit(openWaits(waitBody('w2', 'in_doubt', { callId: call(1) })));
      run.commit(answer({ waitId: 'w2' }, { outcome: 'skip' }));
      return run;
    },
    'failed and retried with its waits closed': () => {
      const run = withWaits([{ kind: 'input' }, { kind: 'approval' }]);
      const fail: Command = { type: 'fail', error: { code: 'tool_failed', message: 'broken' } };
      run.commit(fail);
      run.commit(retry());
      return run;
    },
    'two messages queued while it waits': () => {
      const run = withWaits([{ kind: 'input' }]);
      run.commit(message({ onWaiting: 'queue' }), message({ onWaiting: 'queue' }));
      run.commit(answer({ waitId: 'w1' }, { value: 'x' }));
      return run;
    },
  };
  it.each(Object.entries(DIRECTED))('is a valid prompt: %s', async (_name, build) => {
    const run = build();
    await checkPrompts(foldTranscript(run.events).messages);
    // Every call of the turn has exactly one result in the log.
    const results = new Map<string, number>();
    for (const event of run.events) {
      if (event.type !== 'tool.completed' && event.type !== 'tool.failed' && event.type !== 'tool.denied')
        continue;
      results.set(event.data.callId, (results.get(event.data.callId) ?? 0) + 1);
    }
    expect([...results.values()].every((count) => count === 1)).toBe(true);
    expect(run.state.calls).toEqual([]);
  });
});
