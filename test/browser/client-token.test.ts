import { describe, expect, test } from 'vitest';
import { sharedWorld, type World } from '../world/server.ts';
import { executablePath, sharedVisitor } from './browser.ts';
import type { PageTool, WidgetOptions } from './widget.ts';
import type { Body } from '../world/api-client.ts';

const world = sharedWorld();
const visitor = sharedVisitor();
const CART: PageTool = { name: 'add_to_cart', answer: { added: true } };

/** A widget of a page that has a client token and no key. */
async function pageOf(
  { api, url }: Pick<World, 'api' | 'url'>,
  script: Body[],
  { tools = [], origin = visitor.origin() }: { tools?: Body[]; origin?: string } = {},
): Promise<WidgetOptions> {
  const agent = await api.call<{ id: string }>('POST', '/v1/agents', { name: 'Shop', script, tools });
  const { token } = await api.call<{ token: string }>('POST', '/v1/client-tokens', {
    name: 'shop',
    origins: [origin],
    target: agent.id,
    config: { welcomeMessage: 'Welcome to the shop', placeholder: 'Ask us' },
  });
  return { config: { apiUrl: `${url}/runtype/v1/dispatch`, clientToken: token }, pageTools: [CART] };
}

describe.skipIf(executablePath === null)('the widget with a client token', () => {
  test('is greeted, runs tools of the page and sends them once, and again when the server has lost them', async () => {
    const call = (sku: string): Body => ({ toolCalls: [{ tool: 'add_to_cart', args: { sku } }] });
    const script = [call('A'), { text: 'Added.' }];
    await using widget = await visitor.open(await pageOf(world(), script));
    await widget.untilText('Welcome to the shop');
    await widget.send('A, please');
    await widget.untilText('Added.');
    await widget.send('And another');
    await widget.until((messages) => messages.filter(({ content }) => content === 'Added.').length === 2);
    await world().database.sql`update client_sessions set tools = null, tools_fingerprint = null`;
    await widget.send('And one more');
    await widget.until((messages) => messages.filter(({ content }) => content === 'Added.').length === 3);
    const sent = widget.sentTo('/client/chat').map(({ body }) => body['clientTools'] !== undefined);
    // The third is refused with 409 and made again with all tools.
    expect(sent).toEqual([true, false, false, true]);
    expect(await widget.called()).toHaveLength(3);
    expect(widget.requests.filter(({ headers }) => 'authorization' in headers)).toEqual([]);
  });

  test('decides on a call without a key', async () => {
    const options = await pageOf(
      world(),
      [{ text: 'I ask.', toolCalls: [{ tool: 'refund', args: {} }] }, { text: 'Decided.' }],
      { tools: [{ type: 'http', name: 'refund', approval: 'always', http: { url: world().target.url } }] },
    );
    await using widget = await visitor.open(options);
    await widget.send('A refund');
    const [card] = await widget.approvals(1);
    await widget.decide(card?.id ?? '', 'allow');
    await widget.untilText('Decided.');
  });

  test('is told so on a page that the token is not for', async () => {
    const options = await pageOf(world(), [{ text: 'No.' }], { origin: 'https://shop.example' });
    await using widget = await visitor.open(options);
    await widget.send('Hello');
    await widget.until((messages) => messages.some(({ content }) => content.includes('Origin not allowed')));
  });
});
