import type { TranscriptMessage } from '@fermata/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assistantMessage, call, systemMessage, userMessage } from './model-request.fixture.ts';
import { providerPrompt } from './provider-messages.ts';
import { sentPrompt } from './sent-prompt.fixture.ts';

const parallel: TranscriptMessage[] = [
  userMessage('Weather in Oslo and Rome? And send the mail.'),
  assistantMessage('I look.', [
    call('call_a', 'get_weather', { city: 'Oslo' }, { output: { celsius: 3 } }),
    call(
      'call_b',
      'get_weather',
      { city: 'Rome' },
      { state: 'denied', output: null, error: { code: 'denied', message: 'too far south' } },
    ),
    call(
      'call_c',
      'send_mail',
      { to: 'a@example.com', body: 'hi' },
      { editedArgs: { to: 'b@example.com', body: 'hi' }, approved: true, output: 'sent' },
    ),
    call(
      'call_d',
      'send_mail',
      { to: 'x' },
      { state: 'failed', output: null, error: { code: 'http_500', message: 'oops' } },
    ),
  ]),
  userMessage('hurry up'),
  userMessage('please'),
];

const RESULTS = {
  call_a: '{"celsius":3}',
  call_b: 'too far south',
  call_c: '/to: "a@example.com" → "b@example.com"',
  call_d: 'http_500',
};

describe('a transcript with parallel calls, a denied one, an edited one and messages in between', () => {
  it('goes to OpenAI chat with every result in order directly after its message', async () => {
    const body = await sentPrompt('chat', parallel);
    const messages = body['messages'] as {
      role: string;
      tool_call_id?: string;
      content: unknown;
      tool_calls?: { id: string }[];
    }[];
    expect(messages.map((message) => message.role)).toEqual([
      'user',
      'assistant',
      'tool',
      'tool',
      'tool',
      'tool',
      'user',
      'user',
    ]);
    const ids = Object.keys(RESULTS);
    expect(messages[1]?.tool_calls?.map((entry) => entry.id)).toEqual(ids);
    expect(messages.slice(2, 6).map((message) => message.tool_call_id)).toEqual(ids);
    Object.values(RESULTS).forEach((text, index) => expect(messages[index + 2]?.content).toContain(text));
    expect(JSON.stringify(messages.slice(6))).toContain('hurry up');
  });

  it('goes to OpenAI responses with every output in order directly after the calls', async () => {
    const body = await sentPrompt('responses', parallel);
    const input = body['input'] as { role?: string; type?: string; call_id?: string; output?: unknown }[];
    expect(input.map((item) => item.type ?? item.role)).toEqual([
      'user',
      'assistant',
      ...Array<string>(4).fill('function_call'),
      ...Array<string>(4).fill('function_call_output'),
      'user',
      'user',
    ]);
    expect(input.slice(6, 10).map((item) => item.call_id)).toEqual(Object.keys(RESULTS));
    Object.values(RESULTS).forEach((text, index) => expect(input[index + 6]?.output).toContain(text));
    expect(body['store']).toBe(false);
  });

  it('goes to Anthropic with every result in order first in the next message', async () => {
    const body = await sentPrompt('anthropic', parallel);
    const messages = body['messages'] as {
      role: string;
      content: { type: string; id?: string; tool_use_id?: string; is_error?: boolean; content?: unknown }[];
    }[];
    expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user']);
    const ids = Object.keys(RESULTS);
    expect(
      messages[1]?.content.filter((block) => block.type === 'tool_use').map((block) => block.id),
    ).toEqual(ids);
    const last = messages[2]?.content ?? [];
    expect(last.map((block) => block.type)).toEqual([
      ...Array<string>(4).fill('tool_result'),
      'text',
      'text',
    ]);
    expect(last.slice(0, 4).map((block) => block.tool_use_id)).toEqual(ids);
    expect(last.slice(0, 4).map((block) => block.is_error === true)).toEqual([false, true, false, true]);
    Object.values(RESULTS).forEach((text, index) =>
      expect(JSON.stringify(last[index]?.content)).toContain(JSON.stringify(text).slice(1, -1)),
    );
  });

  it('shows the call as the model made it, and says what it was executed with', async () => {
    const body = JSON.stringify(await sentPrompt('chat', parallel));
    expect(body).toContain(JSON.stringify('{"to":"a@example.com","body":"hi"}').slice(1, -1));
    expect(body).toContain('the approver changed the arguments');
  });
});

describe('a prompt', () => {
  const options = { provider: 'anthropic', loadBlob: () => Promise.reject(new Error('none')) };

  it('begins with a user message and never ends with the assistant’s', async () => {
    const { messages } = await providerPrompt([assistantMessage('I was here first.')], options);
    expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'user']);
  });

  it('is never empty', async () => {
    expect((await providerPrompt([], options)).messages).toHaveLength(1);
    expect((await providerPrompt([userMessage(''), assistantMessage(' ')], options)).messages).toHaveLength(
      1,
    );
  });

  it('takes system messages at the beginning into the instructions and shows later ones in their place', async () => {
    const prompt = await providerPrompt(
      [systemMessage('Be kind.'), userMessage('hi'), systemMessage('Be quick.'), userMessage('well?')],
      options,
    );
    expect(prompt.system).toEqual(['Be kind.']);
    expect(prompt.messages.map((message) => message.role)).toEqual(['user', 'user', 'user']);
    expect(JSON.stringify(prompt.messages[1])).toContain('Be quick.');
  });

  it('replaces ids that are missing, not unique or not of a form that every provider takes', async () => {
    const { messages } = await providerPrompt(
      [
        userMessage('go'),
        assistantMessage('', [
          call('same', 't', {}, { callId: 'call_1' }),
          call('same', 't', {}, { callId: 'call_2' }),
          call('x', 't', {}, { callId: 'call_3', providerCallId: null }),
          call('not valid!', 't', {}, { callId: 'call_4' }),
          call('a'.repeat(64), 't', {}, { callId: 'call_5' }),
        ]),
      ],
      options,
    );
    const content = messages[1]?.content;
    const ids = Array.isArray(content)
      ? content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []))
      : [];
    expect(ids).toEqual(['call_1', 'call_2', 'call_3', 'call_4', 'call_5']);
  });

  it('keeps the invariants for every transcript', async () => {
    const state = fc.constantFrom(
      'ready',
      'running',
      'waiting',
      'in_doubt',
      'completed',
      'failed',
      'denied',
    ) as fc.Arbitrary<TranscriptMessage['calls'][number]['state']>;
    const anyCall = fc.record({
      id: fc.string({ maxLength: 4 }),
      args: fc.jsonValue(),
      state,
      output: fc.jsonValue(),
    });
    const message = fc.oneof(
      fc.string({ maxLength: 5 }).map((text) => userMessage(text)),
      fc.string({ maxLength: 5 }).map((text) => systemMessage(text)),
      fc.tuple(fc.string({ maxLength: 5 }), fc.array(anyCall, { maxLength: 3 })).map(([text, calls]) =>
        assistantMessage(
          text,
          calls.map((entry) =>
            call(entry.id, entry.id, entry.args as never, {
              state: entry.state,
              output: entry.output as never,
            }),
          ),
        ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 8 }), async (transcript) => {
        const { messages } = await providerPrompt(transcript, options);
        expect(messages[0]?.role).toBe('user');
        expect(messages.at(-1)?.role).not.toBe('assistant');
        const seen = new Set<string>();
        messages.forEach((entry, index) => {
          expect(entry.content.length).toBeGreaterThan(0);
          if (entry.role !== 'assistant' || typeof entry.content === 'string') return;
          const ids = entry.content.flatMap((part) => (part.type === 'tool-call' ? [part.toolCallId] : []));
          const next = messages[index + 1];
          const results =
            next?.role === 'tool'
              ? next.content.flatMap((part) => (part.type === 'tool-result' ? [part.toolCallId] : []))
              : [];
          expect(results).toEqual(ids);
          for (const id of ids) {
            expect(id).toMatch(/^[A-Za-z0-9_-]{1,40}$/);
            expect(seen.has(id)).toBe(false);
            seen.add(id);
          }
        });
      }),
    );
  });
});

describe('a transcript whose tools are gone', () => {
  it('still declares them to Anthropic, which insists', async () => {
    const body = await sentPrompt('anthropic', parallel.slice(0, 2), { tools: [] });
    const tools = body['tools'] as { name: string }[];
    expect(tools.map((tool) => tool.name).sort()).toEqual(['get_weather', 'send_mail']);
  });
});
