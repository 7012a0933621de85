import { describe, expect, test } from 'vitest';
import type { JsonObject } from '@fermata/protocol';
import { sharedWorld } from '../world/server.ts';
import { apiOf } from './agent-widget.ts';
import { executablePath, sharedVisitor } from './browser.ts';

const world = sharedWorld();
const visitor = sharedVisitor();

async function flowOf(...steps: JsonObject[]): Promise<JsonObject> {
  const flow = await world().api.call<{ id: string }>('POST', '/v1/flows', { name: 'Order', steps });
  return { ...apiOf(world()), flowId: flow.id };
}

const refund = {
  type: 'http',
  name: 'refund',
  approval: 'always',
  http: { url: 'http://127.0.0.1:9/never' },
};

describe.skipIf(executablePath === null)('a flow in the widget', () => {
  test('shows what each of its steps says, once', async () => {
    const config = await flowOf(
      { id: 'greet', name: 'Greet', type: 'send', text: 'Good day, {{ user_message }}.' },
      { id: 'sum', name: 'Sum', type: 'transform', script: 'return 20 + 1', output: 'half' },
      { id: 'say', name: 'Say', type: 'agent', agent: { script: [{ deltas: ['Twice ', 'that is 42.'] }] } },
      { id: 'end', name: 'End', type: 'send', text: 'Half of it was {{ half }}.' },
    );
    await using widget = await visitor.open({ config });
    await widget.send('Ada');
    await widget.untilText('Half of it was 21.');
    expect(await widget.texts()).toEqual(['Good day, Ada.', 'Twice that is 42.', 'Half of it was 21.']);
    expect(widget.errors).toEqual([]);
  });

  test('stops for a tool of the page and for a decision in one of its steps, and goes on there', async () => {
    const config = await flowOf(
      {
        id: 'shop',
        name: 'Shop',
        type: 'agent',
        agent: {
          tools: [refund],
          script: [
            { text: 'Looking.', toolCalls: [{ tool: 'look_up_stock', args: {} }] },
            { text: 'I ask.', toolCalls: [{ tool: 'refund', args: {} }] },
            { text: 'Step one is done.' },
          ],
        },
      },
      { id: 'end', name: 'End', type: 'send', text: 'All is done.' },
    );
    await using widget = await visitor.open({
      config,
      pageTools: [{ name: 'look_up_stock', answer: 'seven' }],
    });
    await widget.send('Go');
    const [card] = await widget.approvals(1);
    expect(await widget.called()).toHaveLength(1);
    await widget.decide(card?.id ?? '', 'deny');
    await widget.untilText('All is done.');
    expect(await widget.texts()).toEqual(['Looking.', 'I ask.', 'Step one is done.', 'All is done.']);
  });
});
