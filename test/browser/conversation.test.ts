import { describe, expect, test } from 'vitest';
import { sharedWorld } from '../world/server.ts';
import { answerJson } from '../world/tool-target.ts';
import { apiOf, scripted } from './agent-widget.ts';
import { executablePath, sharedVisitor } from './browser.ts';
import type { PageTool, WidgetMessage } from './widget.ts';

const world = sharedWorld();
const visitor = sharedVisitor();

const CART: PageTool = {
  name: 'add_to_cart',
  answer: { added: true },
  schema: { type: 'object', properties: { sku: { type: 'string' } } },
};
const STOCK: PageTool = { name: 'look_up_stock', answer: 'seven are left' };

function tools(messages: WidgetMessage[]): (string | undefined)[] {
  return messages.flatMap(({ toolCall }) =>
    toolCall === undefined ? [] : [`${toolCall.name} ${toolCall.status}`],
  );
}

describe.skipIf(executablePath === null)('the widget in a browser', () => {
  test('shows the text of the default agent with nothing but an apiUrl', async () => {
    await using widget = await visitor.open({ config: apiOf(world()) });
    await widget.send('Good morning');
    await widget.untilText('Good morning');
    expect(Object.keys(widget.requests[0]?.body ?? {})).toEqual(['messages']);
    await widget.send('Another one');
    await widget.untilText('Another one');
    expect(await widget.texts()).toEqual(['Good morning', 'Another one']);
    expect(widget.errors).toEqual([]);
  });

  test('shows what the model thinks beside what it says', async () => {
    const options = await scripted(world(), [{ reasoning: 'Let me see.', deltas: ['It is ', 'four.'] }]);
    await using widget = await visitor.open(options);
    await widget.send('2 + 2?');
    const messages = await widget.untilText('It is four.');
    expect(messages.map(({ variant, reasoning }) => [variant, reasoning?.chunks.join('')])).toEqual([
      [undefined, undefined],
      ['reasoning', 'Let me see.'],
      [undefined, undefined],
    ]);
  });

  test('shows a call that the server makes, with its result, and the text after it in a bubble of its own', async () => {
    world().target.handler = (_request, response) => answerJson(response, { price: 12 });
    const options = await scripted(
      world(),
      [{ text: 'Looking.', toolCalls: [{ tool: 'price', args: { sku: 'A1' } }] }, { text: 'It costs 12.' }],
      { tools: [{ type: 'http', name: 'price', http: { url: `${world().target.url}/price` } }] },
    );
    await using widget = await visitor.open(options);
    await widget.send('How much is A1?');
    const messages = await widget.untilText('It costs 12.');
    expect(tools(messages)).toEqual(['price complete']);
    expect(messages.find(({ toolCall }) => toolCall !== undefined)?.toolCall).toMatchObject({
      args: { sku: 'A1' },
      result: { price: 12 },
    });
    expect(await widget.texts()).toEqual(['Looking.', 'It costs 12.']);
  });

  test('runs a tool of the page and goes on with what it answered', async () => {
    const options = await scripted(
      world(),
      [
        { text: 'Adding.', toolCalls: [{ tool: 'add_to_cart', args: { sku: 'A1' } }] },
        { text: 'It is in your cart.' },
      ],
      { pageTools: [CART] },
    );
    await using widget = await visitor.open(options);
    await widget.send('I take A1');
    await widget.untilText('It is in your cart.');
    expect(await widget.called()).toEqual([{ name: 'add_to_cart', args: { sku: 'A1' } }]);
    expect(widget.sentTo('/dispatch/resume')).toHaveLength(1);
    const [resume] = widget.sentTo('/dispatch/resume');
    expect(Object.keys(resume?.body ?? {}).sort()).toEqual(['executionId', 'streamResponse', 'toolOutputs']);
    expect(await widget.texts()).toEqual(['Adding.', 'It is in your cart.']);
  });

  test('runs two tools of the page side by side and answers both in one request', async () => {
    const calls = [
      { tool: 'add_to_cart', args: { sku: 'A1' } },
      { tool: 'look_up_stock', args: {} },
    ];
    const options = await scripted(world(), [{ toolCalls: calls }, { text: 'Both are done.' }], {
      pageTools: [CART, STOCK],
    });
    await using widget = await visitor.open(options);
    await widget.send('Both, please');
    await widget.untilText('Both are done.');
    expect((await widget.called()).map(({ name }) => name).sort()).toEqual(['add_to_cart', 'look_up_stock']);
    const [resume, ...more] = widget.sentTo('/dispatch/resume');
    expect(more).toEqual([]);
    expect(Object.keys(resume?.body['toolOutputs'] ?? {})).toHaveLength(2);
  });

  test('runs tools of the page one after the other', async () => {
    const options = await scripted(
      world(),
      [
        { text: 'First.', toolCalls: [{ tool: 'look_up_stock', args: {} }] },
        { text: 'Then.', toolCalls: [{ tool: 'add_to_cart', args: { sku: 'B2' } }] },
        { text: 'Done.' },
      ],
      { pageTools: [CART, STOCK] },
    );
    await using widget = await visitor.open(options);
    await widget.send('One after the other');
    await widget.untilText('Done.');
    expect((await widget.called()).map(({ name }) => name)).toEqual(['look_up_stock', 'add_to_cart']);
    expect(widget.sentTo('/dispatch/resume')).toHaveLength(2);
    expect(await widget.texts()).toEqual(['First.', 'Then.', 'Done.']);
  });

  test('asks a question in its own sheet and goes on with the answer', async () => {
    const questions = [
      { question: 'Which size?', options: [{ label: 'Small' }, { label: 'Large' }], allowFreeText: false },
    ];
    const options = await scripted(
      world(),
      [
        { text: 'One question.', toolCalls: [{ tool: 'ask_user_question', args: { questions } }] },
        { text: 'Noted.' },
      ],
      { config: { features: { askUserQuestion: { expose: true } } } },
    );
    await using widget = await visitor.open(options);
    await widget.send('I want a shirt');
    await widget.page.locator('[data-ask-user-action="pick"][data-option-label="Large"]').click();
    await widget.untilText('Noted.');
    const [resume] = widget.sentTo('/dispatch/resume');
    expect(resume?.body['toolOutputs']).toEqual({ ask_user_question: 'Large' });
  });

  test('leaves a run that a visitor stops reading to go on, and says nothing of it', async () => {
    const options = await scripted(world(), [{ deltas: Array<string>(40).fill('word '), deltaDelayMs: 25 }]);
    await using widget = await visitor.open(options);
    await widget.send('Tell me a lot');
    await widget.until((messages) => messages.some(({ content }) => content.startsWith('word')));
    await widget.page.goto('about:blank');
    const [run] = (await world().api.call<{ data: { id: string }[] }>('GET', '/v1/runs?limit=1')).data;
    const finished = await world().api.finished(run?.id ?? '');
    expect(finished.status).toBe('succeeded');
    expect(finished.output).toBe('word '.repeat(40));
  });
});
