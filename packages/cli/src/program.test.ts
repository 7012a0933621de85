import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fermata, reply } from '../test/cli-world.ts';
import { delta, sampleLog, samplePreview, sampleRun, sampleWait, sseText } from '../test/samples.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fermata-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const changed = { run: sampleRun(), changed: true };

describe('the key', () => {
  it('comes from --key, then from FERMATA_API_KEY', async () => {
    const api = { 'GET /runs': { data: [], nextCursor: null } };
    const given = await fermata(['runs', 'list', '--key', 'mine'], { api });
    expect(given.sent[0]?.headers.get('authorization')).toBe('Bearer mine');
    const set = await fermata(['runs', 'list'], { api });
    expect(set.sent[0]?.headers.get('authorization')).toBe('Bearer secret');
  });

  it('is read from the data directory for a server on this machine', async () => {
    await mkdir(join(folder, '.fermata'));
    await writeFile(join(folder, '.fermata', 'api-key'), 'kept\n');
    const world = {
      api: { 'GET /runs': { data: [], nextCursor: null } },
      env: { FERMATA_API_KEY: '' },
      cwd: folder,
    };
    const local = await fermata(['runs', 'list'], world);
    expect(local.sent[0]?.headers.get('authorization')).toBe('Bearer kept');
    const remote = await fermata(['runs', 'list', '--url', 'https://fermata.example'], world);
    expect(remote).toMatchObject({ code: 4, sent: [] });
  });

  it('is asked for when there is none, with the places that were looked at', async () => {
    const result = await fermata(['runs', 'list'], { env: { FERMATA_API_KEY: '' }, cwd: folder });
    expect(result.code).toBe(4);
    expect(result.err).toContain(join(folder, '.fermata', 'api-key'));
  });
});

describe('failures', () => {
  it('tell how to start a server that is not there', async () => {
    const refused = Object.assign(new TypeError('fetch failed'), {
      cause: Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:7700'), { code: 'ECONNREFUSED' }),
    });
    const result = await fermata(['runs', 'list'], { fetch: () => Promise.reject(refused) });
    expect(result.code).toBe(3);
    expect(result.err).toContain('No server listens at http://127.0.0.1:7700.');
    expect(result.err).toContain('fermata serve');
    expect(result.err).not.toMatch(/\n\s+at /);
  });

  it('exit with 4 for a wrong key and with 1 for a refusal', async () => {
    const denied = reply(401, { code: 'unauthenticated', detail: 'No valid key was sent.', status: 401 });
    expect(await fermata(['runs', 'list'], { api: { 'GET /runs': denied } })).toMatchObject({ code: 4 });
    const winner = {
      outcome: 'deny',
      by: { name: 'Ada' },
      at: '2026-01-01T00:00:00.000Z',
      digest: null,
    };
    const late = reply(409, { code: 'wait_closed', detail: 'It was decided already.', winner, status: 409 });
    const result = await fermata(['waits', 'deny', 'w1'], {
      api: { 'GET /waits/w1': sampleWait(), 'POST /waits/w1/answer': late },
    });
    expect(result.code).toBe(1);
    expect(result.err).toContain('deny by Ada at 2026');
  });

  it('exit with 2 for wrong usage, and with 0 for help', async () => {
    expect((await fermata(['runs', 'lst'])).code).toBe(2);
    expect((await fermata(['runs', 'list', '--status', 'stuck'])).err).toContain('Known are: queued');
    expect((await fermata(['runs', 'list', '--limit', '0'])).code).toBe(2);
    expect((await fermata(['runs', 'list', '--url', 'nowhere'])).code).toBe(2);
    const help = await fermata(['waits', 'approve', '--help']);
    expect(help.code).toBe(0);
    expect(help.out).toContain('--digest');
    expect(help.out).toContain('FERMATA_URL');
    expect((await fermata(['--help'])).out).toContain('Exit codes:');
  });

  it('are JSON with --json', async () => {
    const result = await fermata(['runs', 'pause', 'nix', '--json']);
    expect(result.out).toBe('');
    expect(JSON.parse(result.err)).toMatchObject({ error: { code: 'not_found' } });
  });
});

describe('runs', () => {
  it('start sends what was said', async () => {
    const api = { 'POST /runs': sampleRun({ status: 'running' }) };
    const result = await fermata(
      [
        'runs',
        'start',
        'hello',
        '--model',
        'script/echo',
        '--run-key',
        'k',
        '--metadata',
        'a=1',
        '--metadata',
        'b=x=y',
      ],
      { api },
    );
    expect(result.code).toBe(0);
    expect(result.sent[0]?.body).toEqual({
      input: 'hello',
      model: 'script/echo',
      key: 'k',
      metadata: { a: '1', b: 'x=y' },
    });
    expect(result.out).toContain('run r1  running');
  });

  it('start takes the input from stdin or as JSON, and more from --body', async () => {
    const api = { 'POST /runs': sampleRun() };
    const piped = await fermata(['runs', 'start', '-'], { api, stdin: 'from a pipe\n' });
    expect(piped.sent[0]?.body).toEqual({ input: 'from a pipe' });
    const json = await fermata(
      ['runs', 'start', '--input-json', '{"a":[1]}', '--body', '{"limits":{"maxTurns":2}}'],
      { api },
    );
    expect(json.sent[0]?.body).toEqual({ input: { a: [1] }, limits: { maxTurns: 2 } });
    expect((await fermata(['runs', 'start'], { api })).code).toBe(2);
    expect((await fermata(['runs', 'start', 'a', '--input-json', '"b"'], { api })).code).toBe(2);
  });

  it('resume, approve and answer with --dry-run tell what would happen, and do nothing', async () => {
    const api = {
      'GET /waits/w1': sampleWait(),
      'GET /waits/w2': sampleWait({ id: 'w2', kind: 'input' }),
      'POST /runs/r1/resume?dryRun=true': { preview: samplePreview() },
      'POST /waits/w1/answer?dryRun=true': { preview: samplePreview() },
      'POST /waits/w2/answer?dryRun=true': { preview: samplePreview() },
    };
    const resumed = await fermata(['runs', 'resume', 'r1', '--reason', 'why', '--dry-run'], { api });
    expect(resumed.sent.map(({ path, body }) => [path, body])).toEqual([
      ['/runs/r1/resume?dryRun=true', { reason: 'why' }],
    ]);
    expect(resumed.out).toContain('nothing was done');
    expect(resumed.out).toContain('calls charge  call_1');
    expect(resumed.out).toContain('"amount": 42');
    expect(resumed.out).toContain('with openai/gpt-5 when the calls have their results');
    expect(resumed.out).toContain('about 0.0123 USD');
    expect(resumed.out).not.toContain('\u001B');
    for (const args of [
      ['approve', 'w1'],
      ['answer', 'w2', '--value', '1'],
    ]) {
      const result = await fermata(['waits', ...args, '--dry-run', '--json'], { api });
      expect([result.code, result.asked]).toEqual([0, []]);
      expect(JSON.parse(result.out)).toEqual({ preview: samplePreview() });
    }
  });

  const log = sampleLog(delta('Hel'), delta('lo.'), {
    type: 'run.succeeded',
    data: { by: { type: 'system', id: 'driver', name: 'x' }, output: null, summary: null },
  });

  it('start --watch prints the text as it comes and ends with the run', async () => {
    const result = await fermata(['runs', 'start', 'hello', '--watch'], {
      api: {
        'POST /runs?until=finished': reply(201, sseText(log, 'finished'), 'text/event-stream'),
        'GET /runs/r1': sampleRun({ status: 'succeeded' }),
      },
    });
    expect(result.code).toBe(0);
    expect(result.out).toBe('Hello.\nsucceeded\n');
    expect(result.err).toContain('run r1  succeeded');
  });

  it('watch prints one event a line with --json, and exits with 5 when the run failed', async () => {
    const result = await fermata(['runs', 'watch', 'r1', '--json', '--after', '1', '--until', 'parked'], {
      api: {
        'GET /runs/r1/events?until=parked': reply(200, sseText(log, 'finished'), 'text/event-stream'),
        'GET /runs/r1': sampleRun({ status: 'failed', error: { code: 'tool_failed', message: 'no' } }),
      },
    });
    expect(result.code).toBe(5);
    expect(result.sent[0]?.headers.get('last-event-id')).toBe('1');
    const lines = result.out.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual([2, 3]);
  });

  it('list shows a table, and the filters go to the server', async () => {
    const api = { 'GET /runs?status=paused%2Cwaiting&limit=5': { data: [sampleRun()], nextCursor: 'more' } };
    const result = await fermata(['runs', 'list', '--status', 'paused,waiting', '--limit', '5'], { api });
    expect(result.out).toContain('RUN  STATUS');
    expect(result.out).toContain('r1   waiting');
    expect(result.err).toContain('There are more');
  });

  it('pause, resume and cancel say when nothing changed', async () => {
    const api = {
      'POST /runs/r1/pause': changed,
      'POST /runs/r1/resume': changed,
      'POST /runs/r1/cancel': { ...changed, changed: false },
    };
    const paused = await fermata(['runs', 'pause', 'r1', '--reason', 'lunch', '--at', 'now'], { api });
    expect(paused.sent[0]?.body).toEqual({ reason: 'lunch', at: 'now' });
    const resumed = await fermata(['runs', 'resume', 'r1', '--message', 'go', '--on-waiting', 'queue'], {
      api,
    });
    expect(resumed.sent[0]?.body).toEqual({ messages: [{ content: 'go' }], onWaiting: 'queue' });
    const cancelled = await fermata(['runs', 'cancel', 'r1'], { api });
    expect(cancelled.out).toContain('nothing changed');
  });
});

describe('waits', () => {
  const api = { 'GET /waits/w1': sampleWait(), 'POST /waits/w1/answer': { ...changed, wait: sampleWait() } };
  const digest = 'd'.repeat(64);

  it('approve shows the exact call, asks, and sends the digest that it showed', async () => {
    const result = await fermata(['waits', 'approve', 'w1', '--reason', 'fine'], { api, answers: [true] });
    expect(result.code).toBe(0);
    expect(result.err).toContain('"amount": 42');
    expect(result.err).toContain(digest);
    expect(result.asked).toEqual(['Approve this call?']);
    expect(result.sent[1]?.body).toEqual({ decision: 'approve', digest, reason: 'fine' });
  });

  it('approve sends nothing when the answer is no', async () => {
    const result = await fermata(['waits', 'approve', 'w1'], { api, answers: [false] });
    expect(result.code).toBe(1);
    expect(result.sent).toHaveLength(1);
  });

  it('approve needs --yes where nobody can be asked', async () => {
    const world = { api, isInteractive: false };
    expect(await fermata(['waits', 'approve', 'w1'], world)).toMatchObject({ code: 2 });
    const yes = await fermata(['waits', 'approve', 'w1', '--yes', '--edit', '{"amount":1}'], world);
    expect(yes.sent[1]?.body).toEqual({ decision: 'approve', digest, editedArgs: { amount: 1 } });
    expect(yes.err).toContain('with these arguments instead');
  });

  it('approve refuses a call with another digest than the one named', async () => {
    const result = await fermata(['waits', 'approve', 'w1', '--yes', '--digest', 'e'.repeat(64)], { api });
    expect(result.code).toBe(1);
    expect(result.sent).toHaveLength(1);
  });

  it('approve refuses a wait of another kind and says what to do', async () => {
    const other = { ...api, 'GET /waits/w1': sampleWait({ kind: 'input' }) };
    const result = await fermata(['waits', 'approve', 'w1', '--yes'], { api: other });
    expect(result.code).toBe(2);
    expect(result.err).toContain('fermata waits answer w1');
  });

  it('deny sends the digest and the reason', async () => {
    const result = await fermata(['waits', 'deny', 'w1', '--reason', 'too much'], { api });
    expect(result.sent[1]?.body).toEqual({ decision: 'deny', digest, reason: 'too much' });
  });

  it('answer asks by the schema of the question', async () => {
    const schema = {
      type: 'object',
      required: ['seats', 'class'],
      properties: {
        seats: { type: 'integer', minimum: 1, title: 'Seats' },
        class: { enum: ['first', 'second'] },
        quiet: { type: 'boolean', description: 'Quiet zone?' },
        note: { type: 'string' },
      },
    };
    const wait = sampleWait({ kind: 'input', tool: 'ask_user', schema });
    const result = await fermata(['waits', 'answer', 'w1'], {
      api: { ...api, 'GET /waits/w1': wait },
      answers: ['3', 'second', true, ''],
    });
    expect(result.asked).toEqual(['Seats', 'class', 'quiet: Quiet zone? (optional)', 'note (optional)']);
    expect(result.sent[1]?.body).toEqual({ value: { seats: 3, class: 'second', quiet: true } });
  });

  it.each([
    ['input', ['--value', '{"a":1}'], { value: { a: 1 } }],
    ['tool_output', ['--value', '"42"'], { output: '42' }],
    ['tool_output', ['--error', 'broken'], { error: 'broken' }],
    ['timer', [], { outcome: 'fire' }],
    [
      'in_doubt',
      ['--outcome', 'done', '--value', '1', '--reason', 'r'],
      { outcome: 'done', output: 1, reason: 'r' },
    ],
  ] as const)('answer of a wait of kind %s with %j', async (kind, more, body) => {
    const wait = sampleWait({ kind });
    const result = await fermata(['waits', 'answer', 'w1', ...more], {
      api: { ...api, 'GET /waits/w1': wait },
      isInteractive: false,
    });
    expect(result.sent[1]?.body).toEqual(body);
  });

  it('answer asks what became of a call in doubt', async () => {
    const result = await fermata(['waits', 'answer', 'w1'], {
      api: { ...api, 'GET /waits/w1': sampleWait({ kind: 'in_doubt' }) },
      answers: ['Do it again'],
    });
    expect(result.sent[1]?.body).toEqual({ outcome: 'retry' });
  });

  it('answer needs --value where nobody can be asked, and leaves approvals to approve', async () => {
    const input = { ...api, 'GET /waits/w1': sampleWait({ kind: 'input' }) };
    expect(await fermata(['waits', 'answer', 'w1'], { api: input, isInteractive: false })).toMatchObject({
      code: 2,
    });
    expect((await fermata(['waits', 'answer', 'w1'], { api })).err).toContain('fermata waits approve w1');
  });

  it('list says when nothing waits', async () => {
    const empty = { 'GET /waits?kind=approval': { data: [], nextCursor: null } };
    const result = await fermata(['waits', 'list', '--kind', 'approval'], { api: empty });
    expect(result).toMatchObject({ code: 0, out: '', err: 'Nothing waits.\n' });
  });
});

describe('keys', () => {
  const key = {
    id: 'key_1',
    name: 'ci',
    principalId: 'p1',
    role: 'viewer',
    prefix: 'fm_ab',
    createdAt: '2026-01-01T00:00:00.000Z',
    lastUsedAt: null,
    expiresAt: null,
    revokedAt: null,
  };

  it('create writes the key alone to stdout', async () => {
    const result = await fermata(['keys', 'create', 'ci', '--role', 'viewer'], {
      api: { 'POST /keys': { ...key, secret: 'fm_secret' } },
    });
    expect(result.out).toBe('fm_secret\n');
    expect(result.sent[0]?.body).toEqual({ name: 'ci', role: 'viewer' });
  });

  it('list walks every page', async () => {
    const result = await fermata(['keys', 'list'], {
      api: {
        'GET /keys?limit=100': { data: [key], nextCursor: 'c' },
        'GET /keys?limit=100&cursor=c': {
          data: [{ ...key, id: 'key_2', revokedAt: '2026-01-02T00:00:00.000Z' }],
          nextCursor: null,
        },
      },
    });
    expect(result.out.split('\n').map((line) => line.split(/\s+/)[3])).toEqual([
      'STATE',
      'valid',
      'revoked',
      undefined,
    ]);
  });

  it('revoke names the key', async () => {
    const result = await fermata(['keys', 'revoke', 'key_1'], { api: { 'DELETE /keys/key_1': key } });
    expect(result.out).toBe('key_1 is revoked\n');
  });
});

describe('serve', () => {
  it('runs the built server with the options as environment', async () => {
    const dist = join(folder, 'packages', 'server', 'dist');
    await mkdir(dist, { recursive: true });
    await writeFile(join(dist, 'main.js'), '');
    const result = await fermata(['serve', '--port', '0', '--data-dir', 'd', '--root', 'telnyx'], {
      root: folder,
    });
    expect(result.code).toBe(0);
    expect(result.spawned[0]?.args.slice(-3)).toEqual([join(dist, 'main.js'), '--root', 'telnyx']);
    expect(result.spawned[0]?.env).toMatchObject({ PORT: '0', FERMATA_DATA_DIR: 'd' });
  });

  it('says how to build what is not built', async () => {
    const result = await fermata(['serve'], { root: folder });
    expect(result.code).toBe(1);
    expect(result.err).toContain('npm run build');
  });
});
