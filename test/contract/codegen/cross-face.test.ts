import type { Run } from '@fermata/protocol';
import { textOf } from '@fermata/protocol';
import { describe, expect } from 'vitest';
import { sharedWorld } from '../../world/server.ts';
import { codegenOf, PIXEL } from './codegen-client.ts';
import { verifies } from './verifies.ts';

const world = sharedWorld({ servers: 2 });

describe('the same run', () => {
  verifies(['shape.cross-face'], async () => {
    const codegen = codegenOf(world());
    const made = await codegen.create({
      prompt: 'hello',
      metadata: { from: 'codegen' },
      repo_id: 3,
      model: 'gated/m',
    });
    const call = await world().model.next();
    const page = await world().api.call<{ data: Run[] }>(
      'GET',
      '/v1/runs?origin=codegen&metadata.from=codegen',
    );
    const [run] = page.data;
    expect(run).toMatchObject({
      number: made.id,
      origin: 'codegen',
      kind: 'agent',
      status: 'running',
      metadata: { from: 'codegen' },
      face: { repo_id: 3, agent_type: null },
      createdBy: { type: 'principal', name: 'admin' },
    });
    const runId = run?.id ?? '';
    await world().second.command(runId, 'pause', { reason: 'look' });
    call.say('one');
    call.end();
    await world().second.reaches(runId, 'paused');
    expect((await codegen.get(made.id)).status).toBe('PAUSED');
    await codegen.resume(made.id, 'go on', { images: [`data:image/png;base64,${PIXEL}`] });
    const next = await world().model.next();
    next.say('two');
    next.end();
    expect(await world().second.reaches(runId, 'succeeded')).toMatchObject({ output: 'two' });
    const messages = await world().second.messages(runId);
    expect(messages.map(({ role, parts }) => [role, textOf(parts), parts.length])).toEqual([
      ['user', 'hello', 1],
      ['assistant', 'one', 1],
      ['user', 'go on', 2],
      ['assistant', 'two', 1],
    ]);
    const received = (await world().api.events(runId)).find((event) => event.type === 'message.received');
    expect(received?.data).toMatchObject({ by: { type: 'principal', name: 'admin' } });
    const image = messages[2]?.parts[1];
    const url = image?.type === 'image' ? image.url : '';
    expect(url).toMatch(/^blob:sha256-/);
    const blob = await fetch(`${world().url}/v1/runs/${runId}/blobs/${url.slice('blob:'.length)}`, {
      headers: { authorization: `Bearer ${world().api.key}` },
    });
    expect(blob.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await blob.arrayBuffer()).toString('base64')).toBe(PIXEL);
    const answered = await world().api.start({
      model: 'script/client-tool',
      input: 'x',
      tools: [{ type: 'client', name: 'ask', inputSchema: { type: 'object' } }],
    });
    await world().api.reaches(answered.id, 'waiting');
    expect((await codegen.get(answered.number)).status).toBe('PAUSED');
    const [wait] = await world().api.openWaits(answered.id);
    await world().api.answer(wait?.id ?? '', { output: 'answered natively' });
    await world().api.finished(answered.id);
    expect(await codegen.get(answered.number)).toMatchObject({ status: 'COMPLETE' });
  });
});
