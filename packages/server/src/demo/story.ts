import { isTerminal, type Run, type Wait } from '@fermata/protocol';
import type { Api } from './api.ts';
import { check } from './demo-error.ts';
import type { PaymentTarget } from './payment-target.ts';
import type { ServerProcess } from './server-process.ts';
import type { Transcript } from './transcript.ts';
import { WatchedLog } from './watched-log.ts';

export interface Stage {
  api: Api;
  payments: PaymentTarget;
  transcript: Transcript;
  startServer(): Promise<ServerProcess>;
}

/** What the story came to, all of it checked. */
export interface Outcome {
  run: Run;
  lastSeqBeforeKill: number;
  firstAfterKill: string;
  downSeconds: number;
  approvedBy: string;
}

const AGENT_INPUT = 'Pay invoice 2026-117.';

/** Start, stream, stop at the approval, kill -9, start again, approve, finish. Throws `DemoError`. */
export async function playStory(stage: Stage): Promise<Outcome> {
  const { api, payments, transcript } = stage;
  const log = new WatchedLog();
  const first = await stage.startServer();
  const started = await api.startRun(runRequest(payments.host));
  transcript.say(`run ${started.id} started (${started.agent?.model ?? '?'}): "${AGENT_INPUT}"`);

  const reader = api.watch(started.id, 0);
  for (;;) {
    const { value, done } = await reader.next();
    check(done !== true, 'the stream stays open while the run waits');
    if (done === true) break;
    log.take(value);
    transcript.event(value);
    if (value.type === 'run.waiting') break;
  }
  const wait = await waitingFor(api, started.id);
  const head = (await api.getRun(started.id)).head;
  check(head === log.lastSeq, 'the stream is at the head of the log', { head, streamed: log.lastSeq });
  check(payments.counts.requests === 0, 'nothing is paid before the approval', payments.counts);
  transcript.say(`waiting for an approval: ${wait.id}`);
  transcript.detail(`digest of the exact call ${wait.digest ?? '(none)'}`);

  const lastSeqBeforeKill = log.lastSeq;
  transcript.shout(`last seq ${lastSeqBeforeKill}. kill -9 ${first.pid}`);
  const killedAt = transcript.seconds;
  await first.kill();
  const end = await reader.next();
  check(end.done === true && end.value === 'cut', 'the stream is cut with the server');
  transcript.say('the process is gone, its port refuses, the stream is cut');

  await stage.startServer();
  const downSeconds = transcript.seconds - killedAt;
  const run = await api.getRun(started.id);
  check(run.status === 'waiting', 'the run is still waiting', run.status);
  check(run.head === lastSeqBeforeKill, 'the log has the same last seq', run.head);
  const again = await waitingFor(api, started.id);
  check(again.id === wait.id && again.digest === wait.digest, 'the wait is the same', again);
  check(payments.counts.requests === 0, 'nothing is paid yet', payments.counts);
  transcript.say(
    `the run is still ${run.status}, last seq ${run.head}, same wait, same digest, nothing paid`,
  );

  const resumed = api.watch(started.id, lastSeqBeforeKill);
  const answer = { decision: 'approve', digest: wait.digest, reason: 'within budget' };
  await api.answerWait(wait.id, answer);
  transcript.shout('approved, naming the digest');
  for await (const event of resumed) {
    log.take(event);
    transcript.event(event);
  }
  const finished = await api.getRun(started.id);
  await checkOutcome(stage, log, wait, finished);
  const next = log.after(lastSeqBeforeKill);
  return {
    run: finished,
    lastSeqBeforeKill,
    firstAfterKill: next === undefined ? 'none' : `${next.seq} (${next.type})`,
    downSeconds,
    approvedBy: log.only('wait.resolved').data.resolution.by.name,
  };
}

async function waitingFor(api: Api, runId: string): Promise<Wait> {
  const waits = await api.openWaits(runId);
  const [wait] = waits;
  check(waits.length === 1 && wait?.kind === 'approval', 'the run has one open wait, an approval', waits);
  // Just checked.
  return wait as Wait;
}

async function checkOutcome({ api, payments }: Stage, log: WatchedLog, wait: Wait, run: Run): Promise<void> {
  check(isTerminal(run.status) && run.status === 'succeeded', 'the run has succeeded', run.status);
  check(run.head === log.lastSeq, 'the stream came to the head of the log', run.head);
  const stored = (await api.listEvents(run.id)).map((event) => `${event.seq} ${event.type}`);
  const streamed = log.events.map((event) => `${event.seq} ${event.type}`);
  check(stored.join() === streamed.join(), 'the log is what was streamed, no event twice and none missing');
  log.checkTexts();

  const { resolution, waitId } = log.only('wait.resolved').data;
  check(waitId === wait.id && resolution.outcome === 'approve', 'the log names the approval', resolution);
  check(resolution.digestSeen === wait.digest, 'the log names the digest that was seen', resolution);
  const call = log.only('tool.started').data;
  check(call.attempt === 1, 'the tool was requested once', call);
  check(call.digest === wait.digest, 'what was executed is what was approved', call.digest);
  const { effects, requests, keys } = payments.counts;
  check(effects === 1 && requests === 1, 'the payment was made exactly once', payments.counts);
  check(keys[0] === call.idempotencyKey, 'the payment carried the key of the call', keys);
}

/** A managed run whose model follows a script, with one http tool that needs an approval. */
function runRequest(paymentHost: string): unknown {
  const call = { invoice: '2026-117', amountEur: 420 };
  return {
    input: AGENT_INPUT,
    title: 'Demo',
    agent: {
      name: 'bookkeeper',
      model: 'script/demo',
      script: [
        {
          text: 'I found invoice 2026-117 over 420 EUR. I will pay it now, if you agree.',
          deltaDelayMs: 50,
          toolCalls: [{ tool: 'pay_invoice', args: call }],
        },
        { text: 'Invoice 2026-117 is paid, once.', deltaDelayMs: 50 },
      ],
      tools: [
        {
          type: 'http',
          name: 'pay_invoice',
          description: 'Pays an invoice',
          approval: 'always',
          inputSchema: {
            type: 'object',
            required: ['invoice', 'amountEur'],
            properties: { invoice: { type: 'string' }, amountEur: { type: 'number' } },
          },
          http: { method: 'POST', url: `http://${paymentHost}/payments` },
        },
      ],
    },
  };
}
