import { describe, expect, test } from 'vitest';
import { sharedWorld } from '../world/server.ts';
import { scripted } from './agent-widget.ts';
import { executablePath, sharedVisitor } from './browser.ts';
import type { WidgetOptions } from './widget.ts';

const world = sharedWorld();
const visitor = sharedVisitor();

const refund = (n: number): { tool: string; args: { n: number } } => ({ tool: 'refund', args: { n } });

/** An agent that asks for these refunds, each of which a person has to approve. */
function refunding(calls: number, more: Parameters<typeof scripted>[2] = {}): Promise<WidgetOptions> {
  const toolCalls = Array.from({ length: calls }, (_, index) => refund(index + 1));
  return scripted(world(), [{ text: 'I ask.', toolCalls }, { text: 'All decided.' }], {
    tools: [
      { type: 'http', name: 'refund', approval: 'always', http: { url: `${world().target.url}/refund` } },
    ],
    ...more,
  });
}

const refunds = (): number => world().target.seen.filter(({ path }) => path === '/refund').length;

describe.skipIf(executablePath === null)('approvals in the widget', () => {
  test('an allowed call is made once, and the text goes on', async () => {
    await using widget = await visitor.open(await refunding(1));
    const before = refunds();
    await widget.send('A refund, please');
    const [card] = await widget.approvals(1);
    expect(card).toMatchObject({ status: 'pending', toolName: 'refund' });
    expect(refunds()).toBe(before);
    await widget.decide(card?.id ?? '', 'allow');
    await widget.untilText('All decided.');
    expect(refunds()).toBe(before + 1);
    const [approve] = widget.sentTo('/approve');
    expect(approve?.path).toMatch(/^\/runtype\/v1\/agents\/[^/]+\/approve$/);
    expect((await widget.approvals(1))[0]?.status).toBe('approved');
    expect(widget.errors).toEqual([]);
  });

  test('a denied call is not made, and the text goes on', async () => {
    await using widget = await visitor.open(await refunding(1));
    const before = refunds();
    await widget.send('A refund, please');
    const [card] = await widget.approvals(1);
    await widget.decide(card?.id ?? '', 'deny');
    await widget.untilText('All decided.');
    expect(refunds()).toBe(before);
    expect((await widget.approvals(1))[0]?.status).toBe('denied');
  });

  test('the run goes on when the last of several is decided', async () => {
    await using widget = await visitor.open(await refunding(3));
    const before = refunds();
    await widget.send('Three refunds');
    const cards = await widget.approvals(3);
    await widget.decide(cards[0]?.id ?? '', 'allow');
    await widget.decide(cards[1]?.id ?? '', 'deny');
    expect(await widget.texts()).toEqual(['I ask.']);
    await widget.decide(cards[2]?.id ?? '', 'allow');
    await widget.untilText('All decided.');
    expect(refunds()).toBe(before + 2);
    expect((await widget.approvals(3)).map(({ status }) => status)).toEqual([
      'approved',
      'denied',
      'approved',
    ]);
  });

  test('a tool of the page and an approval in one pause: both are needed', async () => {
    const options = await scripted(
      world(),
      [{ toolCalls: [{ tool: 'look_up_stock', args: {} }, refund(1)] }, { text: 'Both came.' }],
      {
        tools: [
          { type: 'http', name: 'refund', approval: 'always', http: { url: `${world().target.url}/refund` } },
        ],
        pageTools: [{ name: 'look_up_stock', answer: 'seven' }],
      },
    );
    await using widget = await visitor.open(options);
    await widget.send('Both');
    const [card] = await widget.approvals(1);
    await expect.poll(() => widget.sentTo('/dispatch/resume').length).toBe(1);
    expect(await widget.texts()).toEqual([]);
    await widget.decide(card?.id ?? '', 'allow');
    await widget.untilText('Both came.');
  });

  test('a page that is loaded anew while a person decides shows the card again, and it still works', async () => {
    await using widget = await visitor.open(await refunding(1, { config: { persistState: true } }));
    const before = refunds();
    await widget.send('A refund, please');
    await widget.approvals(1);
    await widget.reload();
    const [card] = await widget.approvals(1);
    expect(card?.status).toBe('pending');
    await widget.decide(card?.id ?? '', 'allow');
    await widget.untilText('All decided.');
    expect(refunds()).toBe(before + 1);
  });

  test('of two tabs that decide one call, one wins and the other sees what was decided', async () => {
    const options = await refunding(1, { config: { persistState: { storage: 'local' } } });
    await using first = await visitor.open(options);
    const before = refunds();
    await first.send('A refund, please');
    const [card] = await first.approvals(1);
    await using second = await visitor.open(options, first);
    await second.approvals(1);
    await Promise.all([first.decide(card?.id ?? '', 'allow'), second.decide(card?.id ?? '', 'deny')]);
    await Promise.all([first.untilText('All decided.'), second.untilText('All decided.')]);
    const shown = [await first.approvals(1), await second.approvals(1)].map(([one]) => one?.status);
    expect(shown[0]).toBe(shown[1]);
    expect(refunds()).toBe(shown[0] === 'approved' ? before + 1 : before);
    expect([...first.errors, ...second.errors]).toEqual([]);
  });
});
