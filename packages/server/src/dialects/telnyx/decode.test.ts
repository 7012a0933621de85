import { describe, expect, it } from 'vitest';
import { mcpServerOf, patchCommands, toolOf } from './decode.ts';
import { firstMessage, givenInput, managedInput } from './input.ts';
import { fakeRun } from '../../http/testing/fake-engine.ts';

describe('a stored tool', () => {
  it('is a client tool in the forms of functions', () => {
    const parameters = { type: 'object', properties: {} };
    const expected = { type: 'client', name: 'f', description: 'd', inputSchema: parameters };
    expect(toolOf({ name: 'f', description: 'd', parameters })).toEqual(expected);
    expect(toolOf({ type: 'function', function: { name: 'f', description: 'd', parameters } })).toEqual(
      expected,
    );
    expect(toolOf({ name: 'f', description: 'd', input_schema: parameters, strict: null })).toEqual(expected);
    expect(toolOf({ name: 'f', approval: 'always', id: 'x' })).toMatchObject({ approval: 'always' });
  });

  it('is a request in our own form and as a webhook', () => {
    const http = { url: 'https://x.example/{{id}}', method: 'GET' };
    expect(toolOf({ name: 'h', http })).toEqual({ type: 'http', name: 'h', http });
    const webhook = {
      name: 'w',
      url: 'https://x.example/{id}/{kept}',
      method: 'post',
      headers: { a: 'b' },
      path_parameters: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
      body_parameters: { type: 'object', properties: { text: { type: 'string' } } },
    };
    expect(toolOf({ type: 'webhook', webhook })).toEqual({
      type: 'http',
      name: 'w',
      inputSchema: {
        type: 'object',
        properties: { id: { type: 'string' }, text: { type: 'string' } },
        required: ['id'],
      },
      http: {
        url: 'https://x.example/{{id}}/{kept}',
        method: 'POST',
        headers: { a: 'b' },
        body: { text: '{{text}}' },
      },
    });
  });

  it('that says too little to be called is none', () => {
    const broken = { type: 'object', properties: 'x' };
    for (const data of [
      {},
      { name: 'with space' },
      { type: 'http', name: 'h' },
      { type: 'webhook', webhook: { url: 'https://x.example' } },
      { name: 'f', parameters: broken },
    ]) {
      expect(toolOf(data)).toBeNull();
    }
  });
});

describe('a stored MCP server', () => {
  it('needs a URL, and gets a name that the agent can use', () => {
    const url = 'https://mcp.example/mcp';
    expect(mcpServerOf({ name: 'My server!', url, allowed_tools: ['a'] }, 0)).toEqual({
      name: 'My_server_',
      url,
      tools: ['a'],
    });
    expect(mcpServerOf({ url, headers: [{ name: 'k', value: 'v' }] }, 1)).toEqual({
      name: 'mcp_2',
      url,
      headers: { k: 'v' },
    });
    expect(mcpServerOf({ name: 'x' }, 0)).toBeNull();
    expect(mcpServerOf({ url: 'nowhere' }, 0)).toBeNull();
  });
});

describe('the input of a managed run', () => {
  it('is a task in words and the rest as JSON', () => {
    expect(firstMessage({})).toBe('Begin.');
    expect(firstMessage({ prompt: 'p', a: 1 })).toBe('p\n\n{"a":1}');
    expect(firstMessage({ query: 'q', message: 'm' })).toBe('m\n\n{"query":"q"}');
    expect(firstMessage({ message: '', task: 't' })).toBe('t\n\n{"message":""}');
    expect(firstMessage({ message: { deep: 1 } })).toBe('{"message":{"deep":1}}');
  });

  it('is shown as it was given', () => {
    for (const given of [null, {}, { a: 1 }, { messages: [1], message: 'm' }]) {
      const { input = null, face = null } = managedInput(given);
      expect(givenInput(fakeRun({ origin: 'telnyx', input, face }))).toEqual(given);
    }
    expect(givenInput(fakeRun({ input: 'text' }))).toEqual({ message: 'text' });
    expect(givenInput(fakeRun({ origin: 'telnyx', input: { a: 1 } }))).toEqual({ a: 1 });
  });
});

describe('a PATCH', () => {
  it('is commands of one commit, its fields first', () => {
    const body = { metadata: null, result_summary: 's', error: null };
    const fields = { summary: 's', error: null };
    const update = { type: 'update', metadata: {}, replacesMetadata: true };
    expect(patchCommands({ ...body, status: 'cancelled' }, 'external')).toEqual([
      update,
      { type: 'report', ...fields },
      { type: 'cancel' },
    ]);
    expect(patchCommands({ ...body, status: 'failed' }, 'managed')).toEqual([
      update,
      { type: 'report', ...fields, status: 'failed' },
    ]);
    expect(patchCommands({ status: 'running' }, 'managed')).toEqual([{ type: 'resume' }]);
    expect(patchCommands({}, 'external')).toEqual([]);
  });
});
