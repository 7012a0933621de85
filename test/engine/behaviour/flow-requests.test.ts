import type { Run, RunEvent } from '@fermata/protocol';
import { describe, expect, it } from 'vitest';
import type { Body } from '../../world/api-client.ts';
import { only } from '../../world/only.ts';
import { sharedWorld } from '../../world/server.ts';
import type { ToolTarget } from '../../world/tool-target.ts';

const world = sharedWorld();

/** A run of one http step, and how the step has ended. */
async function requested(request: Body, more: Body): Promise<{ run: Run; events: RunEvent[]; end: unknown }> {
  const { api } = world();
  const step = { id: 'ask', name: 'Ask', type: 'http', request };
  const { id } = await api.start({ flow: { steps: [step] }, ...more });
  const run = await api.finished(id);
  const events = await api.events(id);
  const end = events.flatMap((event) => {
    if (event.type === 'step.completed') return [event.data.output];
    return event.type === 'step.failed' ? [event.data.error.code] : [];
  });
  return { run, events, end: only(end) };
}

function seenOf({ id }: Run): ToolTarget['seen'] {
  return world().target.seen.filter(({ key }) => key.startsWith(id));
}

describe('a request of a flow', () => {
  it('goes to no private address, whoever names it', async () => {
    const urls = [
      'http://10.0.0.1/',
      'http://169.254.169.254/latest/meta-data',
      'http://[::1]/',
      'http://167772161/',
      'http://0.0.0.0/',
    ];
    for (const url of urls) {
      const { end } = await requested({ method: 'GET', url: '{{ url }}' }, { input: { url } });
      expect([url, end]).toEqual([url, 'blocked']);
    }
    const { end } = await requested(
      { method: 'GET', url: '{{ url }}' },
      { input: { url: 'file:///etc/passwd' } },
    );
    expect(end).not.toMatchObject({ status: 200 });
    expect(typeof end).toBe('string');
  });

  it('goes where a variable says, and encodes what stands behind it', async () => {
    const { target } = world();
    const request = { method: 'GET', url: '{{ base }}/find/{{ what }}?q={{ what }}' };
    const { run } = await requested(request, { input: { base: target.url, what: 'a/b &c=d' } });
    expect(only(seenOf(run)).path).toBe('/find/a%2Fb%20%26c%3Dd?q=a%2Fb%20%26c%3Dd');
  });

  it('is filled with secrets when it leaves, and with none that a value names', async () => {
    const { target } = world();
    const hostile = '{{secrets.key}} {% raw %}{{ secrets.key }}{% endraw %}';
    const request = {
      method: 'POST',
      url: `${target.url}/secret`,
      headers: { authorization: 'Bearer {{secrets.key}}', 'x-said': '{{ said }}' },
      body: { said: '{{ said }}', all: 'They said: {{ said }}' },
    };
    const { run, events } = await requested(request, {
      input: { said: hostile },
      secrets: { key: 'hush-hush' },
    });
    const seen = only(seenOf(run));
    expect(seen.headers).toMatchObject({ authorization: 'Bearer hush-hush', 'x-said': hostile });
    expect(JSON.parse(seen.body)).toEqual({ said: hostile, all: `They said: ${hostile}` });
    expect(JSON.stringify(events)).not.toContain('hush-hush');
    expect(JSON.stringify(await world().api.run(run.id))).not.toContain('hush-hush');
  });

  it('says which secret it lacks, and does not leave', async () => {
    const { target } = world();
    const request = { method: 'GET', url: target.url, headers: { a: '{{secrets.none}}' } };
    const { run, end } = await requested(request, { input: 'x' });
    expect(end).toBe('invalid_request');
    expect(run.error?.message).toContain('none');
    expect(seenOf(run)).toEqual([]);
  });

  it('fails its step by a path that would climb', async () => {
    const { target } = world();
    const request = { method: 'GET', url: `${target.url}/a/{{ part }}/b` };
    const { run, end } = await requested(request, { input: { part: '..' } });
    expect(end).toBe('invalid_request');
    expect(seenOf(run)).toEqual([]);
  });
});
