import type { Run } from '@fermata/protocol';
import { textOf } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import type { ModelCall } from '../../world/gated-model.ts';
import { sharedWorld } from '../../world/server.ts';
import { codegenOf, PIXEL, type CodegenClient } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2, env: { FERMATA_CODEGEN_RATE_LIMITS: 'off' } });
const codegen = (): CodegenClient => codegenOf(world());
const LATER = '2090-01-01T00:00:00.000Z';

/** What the model is told, in order. */
function said({ messages }: ModelCall): [string, string][] {
  return messages.map(({ role, content }) => [
    role,
    typeof content === 'string'
      ? content
      : Array.isArray(content)
        ? content.map((part: { text?: string; type: string }) => part.text ?? part.type).join('|')
        : '',
  ]);
}

async function gated(more: Body = {}): Promise<{ run: Run; call: ModelCall }> {
  const run = await world().api.start({ model: 'gated/m', input: 'first', ...more });
  return { run, call: await world().model.next() };
}

async function texts(runId: string): Promise<[string, string][]> {
  return (await world().api.messages(runId)).map(({ role, parts }) => [role, textOf(parts)]);
}

describe('resume', () => {
  verifies(['resume.paused', 'resume.images'], async () => {
    const { run, call } = await gated();
    call.say('half');
    await world().api.command(run.id, 'pause');
    call.say(' done');
    call.end();
    await world().api.reaches(run.id, 'paused');
    const before = await codegen().get(run.number);
    expect(before).toMatchObject({ status: 'PAUSED', result: null });
    const resumed = await codegen().resume(run.number, 'go on', {
      images: [`data:image/png;base64,${PIXEL}`],
    });
    expect(resumed).toMatchObject({ id: run.number, status: 'ACTIVE', result: null });
    const next = await world().model.next();
    expect(said(next)).toEqual([
      ['user', 'first'],
      ['assistant', 'half done'],
      ['user', 'go on|image_url'],
    ]);
    next.say('finished');
    next.end();
    await world().api.finished(run.id);
    expect(await codegen().get(run.number)).toMatchObject({ status: 'COMPLETE', result: 'finished' });
  });

  verifies(['resume.waiting'], async () => {
    const run = await world().api.start({ model: 'script/approval', input: 'send' });
    await world().api.reaches(run.id, 'waiting');
    expect(await codegen().resume(run.number, 'never mind')).toMatchObject({ status: 'ACTIVE' });
    const ended = await world().api.finished(run.id);
    expect(ended.status).toBe('succeeded');
    const types = await world().api.types(run.id);
    expect(types).toContain('wait.superseded');
    expect(await texts(run.id)).toContainEqual(['user', 'never mind']);
  });

  verifies(['resume.waiting', 'resume.paused'], async () => {
    const run = await world().api.start({ model: 'script/approval', input: 'send' });
    await world().api.reaches(run.id, 'waiting');
    await world().api.command(run.id, 'pause');
    await world().api.reaches(run.id, 'paused');
    expect(await codegen().resume(run.number, 'otherwise')).toMatchObject({ status: 'ACTIVE' });
    expect(await world().api.finished(run.id)).toMatchObject({ status: 'succeeded', openWaits: [] });
  });

  verifies(['resume.running'], async () => {
    const { run, call } = await gated();
    expect(await codegen().resume(run.number, 'and more')).toMatchObject({ status: 'ACTIVE' });
    call.say('answer');
    call.end();
    const next = await world().model.next();
    expect(said(next)).toEqual([
      ['user', 'first'],
      ['assistant', 'answer'],
      ['user', 'and more'],
    ]);
    next.end();
    await world().api.finished(run.id);
  });

  verifies(['resume.queued'], async () => {
    const run = await world().api.start({ input: 'first', startAt: LATER });
    expect(await codegen().resume(run.number, 'second')).toMatchObject({ status: 'ACTIVE' });
    expect(await texts(run.id)).toEqual([
      ['user', 'first'],
      ['user', 'second'],
    ]);
    await world().api.command(run.id, 'cancel');
  });

  describe.each(['succeeded', 'failed', 'cancelled'] as const)('of a run that has %s', (status) => {
    verifies(['resume.ended'], async () => {
      const { run, call } = await gated();
      if (status === 'cancelled') {
        await world().api.command(run.id, 'cancel');
      } else if (status === 'failed') {
        await world().api.command(run.id, 'report', { status: 'failed' });
      } else {
        call.say('the first answer');
        call.end();
      }
      expect((await world().api.finished(run.id)).status).toBe(status);
      expect(await codegen().resume(run.number, 'again')).toMatchObject({
        id: run.number,
        status: 'ACTIVE',
        result: null,
      });
      const next = await world().model.next();
      const history = status === 'succeeded' ? [['assistant', 'the first answer']] : [];
      expect(said(next)).toEqual([['user', 'first'], ...history, ['user', 'again']]);
      next.say('the second answer');
      next.end();
      await world().api.finished(run.id);
      expect(await codegen().get(run.number)).toMatchObject({
        status: 'COMPLETE',
        result: 'the second answer',
      });
    });
  });

  verifies(['resume.external'], async () => {
    const run = await world().api.start({ mode: 'external' });
    await world().api.command(run.id, 'report', { status: 'succeeded' });
    expect(await codegen().resume(run.number, 'more')).toMatchObject({ status: 'ACTIVE' });
    expect(await texts(run.id)).toEqual([['user', 'more']]);
  });

  verifies(['resume.model'], async () => {
    const run = await world().api.start({ model: 'script/echo', input: 'x' });
    await world().api.finished(run.id);
    await codegen().resume(run.number, 'by another', { model: 'gated/other' });
    const call = await world().model.next();
    call.end();
    await world().api.finished(run.id);
  });

  verifies(['resume.blank'], async () => {
    const paused = await world().api.start({ input: 'x', startAt: LATER });
    await world().api.command(paused.id, 'pause');
    expect(await codegen().resume(paused.number, '  ')).toMatchObject({ status: 'ACTIVE' });
    expect(await texts(paused.id)).toEqual([['user', 'x']]);
    await world().api.command(paused.id, 'cancel');
    const waiting = await world().api.start({ model: 'script/approval', input: 'x' });
    const { head } = await world().api.reaches(waiting.id, 'waiting');
    expect(await codegen().resume(waiting.number, '', { images: [] })).toMatchObject({ status: 'PAUSED' });
    const ended = await world().api.start({ input: 'done' });
    const before = await world().api.finished(ended.id);
    expect(await codegen().resume(ended.number, '')).toMatchObject({ status: 'COMPLETE', result: 'done' });
    expect((await world().api.run(waiting.id)).head).toBe(head);
    expect((await world().api.run(ended.id)).head).toBe(before.head);
  });

  verifies(['resume.banned'], async () => {
    const run = await world().api.start({ input: 'x' });
    await world().api.finished(run.id);
    await world().api.update(run.id, { sealed: true });
    for (const prompt of ['go on', '']) {
      const reply = await codegen().request('POST', '/v1/organizations/1/agent/run/resume', {
        body: { agent_run_id: run.number, prompt },
      });
      expect(reply.status).toBe(403);
      const message = 'This agent run is banned.';
      expect(reply.body).toEqual({ message, status_code: 403, detail: message });
    }
  });

  verifies(['resume.held'], async () => {
    const run = await world().api.start({ input: 'x', startAt: LATER });
    await world().api.command(run.id, 'pause', { hold: 'review' });
    const reply = await codegen().request('POST', '/v1/organizations/1/agent/run/resume', {
      body: { agent_run_id: run.number, prompt: 'go' },
    });
    expect(reply.status).toBe(403);
    expect(reply.body['message']).toContain('review');
    expect(await texts(run.id)).toEqual([['user', 'x']]);
    await world().api.command(run.id, 'pause');
    expect(await codegen().resume(run.number, 'go')).toMatchObject({ status: 'PAUSED' });
    expect(await texts(run.id)).toEqual([
      ['user', 'x'],
      ['user', 'go'],
    ]);
    await world().api.command(run.id, 'cancel');
  });

  verifies(['resume.in-doubt'], async () => {
    world().target.handler = (_request, response) => void response.destroy();
    const tool = {
      type: 'http',
      name: 'pay',
      inputSchema: { type: 'object' },
      afterCrash: 'ask',
      http: { url: `${world().target.url}/pay`, method: 'POST' },
    };
    const turns = [{ toolCalls: [{ tool: 'pay', args: {} }] }, { text: 'paid' }, { text: 'and told' }];
    const run = await world().script(turns, { tools: [tool] });
    await world().api.reaches(run.id, 'waiting');
    expect(await codegen().resume(run.number, 'go on')).toMatchObject({ status: 'PAUSED' });
    const [wait] = await world().api.openWaits(run.id);
    expect(wait).toMatchObject({ kind: 'in_doubt' });
    await world().api.answer(wait?.id ?? '', { outcome: 'done', output: 1 });
    await world().api.finished(run.id);
    expect(await texts(run.id)).toContainEqual(['user', 'go on']);
  });

  verifies(['resume.aliases'], async () => {
    const run = await world().api.start({ input: 'x' });
    await world().api.finished(run.id);
    const paths: [string, object][] = [
      ['/v1/beta/organizations/1/agent/run/resume', { agent_run_id: run.number, prompt: 'beta' }],
      [`/v1/organizations/1/agent/run/${run.number}/resume`, { prompt: 'path' }],
      [`/v1/organizations/1/agent/run/${run.id}/resume`, { prompt: 'uuid' }],
      ['/v1/organizations/1/agent/run/resume', { agent_run_id: String(run.number), prompt: 'text' }],
    ];
    for (const [path, body] of paths) {
      expect(await codegen().ok('POST', path, body)).toMatchObject({ id: run.number });
      await world().api.finished(run.id);
    }
    const prompts = (await texts(run.id)).filter(([role]) => role === 'user').map(([, text]) => text);
    expect(prompts).toEqual(['x', 'beta', 'path', 'uuid', 'text']);
  });

  verifies(['resume.at-once'], async () => {
    const run = await world().api.start({ input: 'x' });
    await world().api.finished(run.id);
    const prompts = Array.from({ length: 12 }, (_, index) => `prompt ${index}`);
    const second = codegenOf({ ...world(), url: world().servers[1]?.url ?? '' });
    const replies = await Promise.all(
      prompts.map((prompt, index) => (index % 2 === 0 ? codegen() : second).resume(run.number, prompt)),
    );
    expect(replies.map(({ id }) => id)).toEqual(prompts.map(() => run.number));
    await world().api.finished(run.id);
    const taken = (await texts(run.id)).filter(([role, text]) => role === 'user' && text !== 'x');
    expect(taken.map(([, text]) => text).sort()).toEqual([...prompts].sort());
  });

  verifies(['resume.idempotency'], async () => {
    const run = await world().api.start({ input: 'x' });
    await world().api.finished(run.id);
    const ask = (): ReturnType<CodegenClient['request']> =>
      codegen().request('POST', '/v1/organizations/1/agent/run/resume', {
        body: { agent_run_id: run.number, prompt: 'once' },
        headers: { 'idempotency-key': 'resume-1' },
      });
    const [first, again] = [await ask(), await ask()];
    expect(again.text).toBe(first.text);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    await world().api.finished(run.id);
    expect((await texts(run.id)).filter(([, text]) => text === 'once')).toHaveLength(2);
  });

  it('of a run whose status changes meanwhile never answers a conflict', async () => {
    const run = await world().api.start({ input: 'x' });
    for (let round = 0; round < 8; round += 1) {
      const [resumed] = await Promise.all([
        codegen().resume(run.number, `round ${round}`),
        world().api.request('POST', `/v1/runs/${run.id}/cancel`, { body: {} }),
        world().api.request('POST', `/v1/runs/${run.id}/pause`, { body: {} }),
      ]);
      expect(resumed.id).toBe(run.number);
    }
    await world().api.request('POST', `/v1/runs/${run.id}/cancel`, { body: {} });
  });
});

describe('the routine of a setup-commands run', () => {
  verifies(['resume.kind', 'setup.generate'], async () => {
    const answer = { setup_commands: ['npm ci'], notes: '' };
    const started = await codegen().ok<{ agent_run_id: number; status: string; url: string }>(
      'POST',
      '/v1/organizations/1/setup-commands/generate',
      { repo_id: 7, prompt: 'use npm' },
    );
    expect(started).toMatchObject({
      status: 'ACTIVE',
      url: expect.stringContaining('/agent/trace/') as string,
    });
    const shown = await codegen().get(started.agent_run_id);
    expect(shown).toMatchObject({ source_type: 'SETUP_COMMANDS', repo_id: 7 });
    const page = await world().api.call<{ data: Run[] }>('GET', '/v1/runs?kind=setup_commands');
    const run = page.data.find(({ number }) => number === started.agent_run_id);
    if (run === undefined) throw new Error('the run has another kind');
    // The default model of this world echoes, which is no result of the form that is asked for.
    expect(await world().api.finished(run.id)).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_output' },
    });
    await codegen().resume(started.agent_run_id, 'with pnpm', { model: 'gated/m' });
    const call = await world().model.next();
    const told = said(call);
    expect(told[0]?.[1]).toContain('setup_commands');
    expect(told.at(-1)?.[1]).toMatch(/^Change the setup commands[^]*with pnpm$/);
    call.say(JSON.stringify(answer));
    call.end();
    expect(await world().api.finished(run.id)).toMatchObject({ status: 'succeeded', output: answer });
    expect(await codegen().get(started.agent_run_id)).toMatchObject({
      status: 'COMPLETE',
      result: JSON.stringify(answer),
    });
  });
});
