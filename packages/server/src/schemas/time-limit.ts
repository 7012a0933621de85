import { createContext, Script, type Context } from 'node:vm';

/** The work took longer than it may. */
export class TimeUp extends Error {
  override readonly name = 'TimeUp';
}

const script = new Script('work()');
let sandbox: Context | undefined;

/**
 * Does work that is all in this turn of the event loop, and ends it when the time is up: loops and backtracking too,
 * which nothing else can interrupt. What the work was changing then must not be used any more. Throws `TimeUp`, or what
 * the work throws. Costs a fraction of a millisecond.
 */
export function withTimeLimit<T>(timeoutMs: number, work: () => T): T {
  sandbox ??= createContext(Object.create(null) as object);
  sandbox['work'] = work;
  try {
    return script.runInContext(sandbox, { timeout: timeoutMs }) as T;
  } catch (error) {
    throw isTimeUp(error) ? new TimeUp(`it takes longer than ${timeoutMs} ms`) : error;
  } finally {
    sandbox['work'] = undefined;
  }
}

/** Made by `node:vm` in a realm that need not be this one. */
function isTimeUp(error: unknown): boolean {
  const hasCode = typeof error === 'object' && error !== null && 'code' in error;
  return hasCode && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
