import type { Run, RunEvent, Wait } from '@fermata/protocol';
import fc from 'fast-check';
import type { Body } from '../../world/api-client.ts';

/** One command as it is sent. */
export interface Command {
  path: string;
  body: Body;
  /** Whether it has a preview. */
  isForetold: boolean;
}

export const COMMANDS = [
  'resume',
  'resume',
  'resume',
  'answer',
  'answer',
  'answer',
  'answer',
  'answer',
  'answer_some',
  'answer_some',
  'answer_call',
  'message',
  'hold',
  'pause',
] as const;

/** What is done next; the numbers pick among what there is. */
export interface Op {
  command: (typeof COMMANDS)[number];
  a: number;
  b: number;
  c: number;
}

/** One of each sort: made at once, asked first, asked by rule, with a schema, carried out elsewhere, built in. */
export function TOOLS(target: string): Body[] {
  const http = { url: `${target}/effect` };
  const strict = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
  return [
    { type: 'http', name: 'pay', idempotent: true, inputSchema: strict, http },
    { type: 'http', name: 'guarded', approval: 'always', deadline: [{ after: 3_600, expire: true }], http },
    { type: 'http', name: 'ruled', approval: { when: { path: 'n', op: 'gt', value: 3 } }, http },
    { type: 'client', name: 'lookup' },
    { type: 'client', name: 'guarded_lookup', approval: 'always' },
    { type: 'builtin', name: 'ask_user' },
    { type: 'builtin', name: 'sleep_until' },
  ];
}

const small = fc.nat({ max: 6 });
const callArbitrary: fc.Arbitrary<Body> = fc.oneof(
  ...['pay', 'guarded', 'ruled', 'lookup', 'guarded_lookup'].map((tool) =>
    small.map((n): Body => ({ tool, args: { n } })),
  ),
  small.map((n): Body => ({ tool: 'pay', args: { n: `not a number ${n}` } })),
  small.map((n): Body => ({ tool: 'ask_user', args: { question: `${n}?` } })),
  fc.constant<Body>({ tool: 'sleep_until', args: { seconds: 3_600 } }),
);
/** A model's turn: some words, or up to four calls. */
export const turnArbitrary: fc.Arbitrary<Body> = fc
  .array(callArbitrary, { minLength: 1, maxLength: 3 })
  .map((toolCalls) => ({ text: 'I call', toolCalls }));

const pick = <T>(n: number, ...choices: readonly T[]): T => choices[n % choices.length] as T;

/** The command that an op comes to on this run, or null when there is nothing of the kind. */
export function commandOf(
  { command, a, b, c }: Op,
  run: Run,
  waits: readonly Wait[],
  events: readonly RunEvent[],
): Command | null {
  const path = `/v1/runs/${run.id}`;
  const wait = waits[a % Math.max(1, waits.length)];
  switch (command) {
    case 'resume':
      return {
        path: `${path}/resume`,
        body: {
          ...pick<Body>(a, {}, {}, { hold: 'mine' }, { limits: { maxTurns: 9 } }),
          ...pick<Body>(
            b,
            {},
            {},
            { messages: [{ content: 'and this' }], onWaiting: pick(c, 'queue', 'supersede') },
          ),
          ...pick<Body>(c, {}, {}, {}, { model: 'script/another' }, { model: 'nobody/knows-it' }),
        },
        isForetold: true,
      };
    case 'answer':
      return wait === undefined
        ? null
        : { path: `/v1/waits/${wait.id}/answer`, body: answerOf(wait, b, c), isForetold: true };
    case 'answer_some': {
      const some = waits.filter((_, index) => (b >> index) % 2 === 1);
      const answers = some.map((one) => ({ waitId: one.id, ...answerOf(one, c, b) }));
      return answers.length === 0 ? null : { path: `${path}/resume`, body: { answers }, isForetold: true };
    }
    case 'answer_call': {
      const asked = events.findLast((event) => event.type === 'message.completed');
      const calls = asked?.type === 'message.completed' ? asked.data.toolCalls : [];
      const call = calls[a % Math.max(1, calls.length)];
      const body = pick<Body>(
        b,
        { output: 'early' },
        { value: 'early' },
        { error: 'it broke' },
        { outcome: 'fire' },
      );
      return call === undefined
        ? null
        : { path: `${path}/calls/${call.callId}/answer`, body, isForetold: true };
    }
    case 'message':
      return {
        path: `${path}/messages`,
        body: {
          content: `message ${a}`,
          ...pick<Body>(a, {}, { messageId: 'once' }),
          ...pick<Body>(b, {}, { onWaiting: 'queue' }, { onWaiting: 'supersede' }, { resume: true }),
          ...pick<Body>(c, {}, { reopen: true }),
        },
        isForetold: true,
      };
    // Neither has a preview: they lead to other states.
    case 'hold':
      return { path: `${path}/pause`, body: { hold: 'mine' }, isForetold: false };
    case 'pause':
      return { path: `${path}/pause`, body: {}, isForetold: false };
  }
}

function answerOf(wait: Wait, b: number, c: number): Body {
  if (b === 11) return { value: 1, output: 2 };
  switch (wait.kind) {
    case 'approval': {
      const digest = c === 11 ? 'of something else' : wait.digest;
      return pick<Body>(
        b,
        { decision: 'approve', digest },
        { decision: 'approve', digest, remember: 'run' },
        { decision: 'deny', digest, reason: 'no' },
        { decision: 'approve', digest, editedArgs: { n: 2 } },
        { decision: 'approve', digest, editedArgs: { n: 'nothing' } },
      );
    }
    case 'input':
      return { value: pick<unknown>(b, 'yes', 'no', 7) };
    case 'timer':
      return { outcome: 'fire' };
    case 'in_doubt':
      return { outcome: pick(b, 'retry', 'skip') };
    case 'tool_output':
      return pick<Body>(b, { output: b }, { output: { deep: [b] } }, { error: 'it broke' });
    case 'run':
      return {};
  }
}
