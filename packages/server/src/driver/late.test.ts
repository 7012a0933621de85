import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommitPort, CommitRequest } from '../engine/commit.ts';
import { EngineError } from '../engine/errors.ts';
import { createLogger } from '../observe/log.ts';
import { recordLateOutcome } from './late.ts';

const OUTCOME = { runId: 'a', organizationId: 1, callId: 'c', tool: 't', outcome: { output: 1 } };
const logger = createLogger({ level: 'silent' });

function committer(answers: (Error | null)[]): CommitPort & { requests: CommitRequest[] } {
  const requests: CommitRequest[] = [];
  return {
    requests,
    async commit(request) {
      requests.push(request);
      const error = answers.shift() ?? null;
      if (error !== null) throw error;
      return {} as Awaited<ReturnType<CommitPort['commit']>>;
    },
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('recordLateOutcome', () => {
  it('names neither epoch nor claim', async () => {
    const port = committer([]);
    expect(await recordLateOutcome({ committer: port, logger }, OUTCOME)).toBe(true);
    const { runId, organizationId, ...command } = OUTCOME;
    expect(port.requests).toEqual([
      { runId, organizationId, commands: [{ type: 'lateOutcome', ...command }] },
    ]);
  });

  it('is tried again while the database cannot be reached', async () => {
    const gone = new EngineError('unavailable', 'gone');
    const port = committer([gone, gone]);
    const recorded = recordLateOutcome({ committer: port, logger }, OUTCOME);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await recorded).toBe(true);
    expect(port.requests).toHaveLength(3);
  });

  it('gives up on a refusal at once', async () => {
    const port = committer([new EngineError('not_found', 'no such run')]);
    expect(await recordLateOutcome({ committer: port, logger }, OUTCOME)).toBe(false);
    expect(port.requests).toHaveLength(1);
  });
});
