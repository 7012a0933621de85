import type { RunStatus } from '@fermata/protocol';
import { cancel, completeTurn, failTurn, pause, report } from './commands.fixture.ts';
import type { Command } from './commands.ts';
import { external, inTurn, runningRun, type TestRun, testRun, withWaits } from './run.fixture.ts';

/** Each status, reached by real commands. */
export const managed: Record<RunStatus, () => TestRun> = {
  queued: () => testRun(),
  running: () => inTurn(),
  pausing: () => after(inTurn(), pause()),
  paused: () => after(runningRun(), pause()),
  waiting: () => withWaits([{ kind: 'input' }]),
  succeeded: () => ended((run) => completeTurn(run)),
  failed: () => ended((run) => failTurn(run)),
  cancelled: () => after(inTurn(), cancel()),
};
export const externals: Partial<Record<RunStatus, () => TestRun>> = {
  queued: () => external(),
  running: () => after(external(), report({ status: 'running' })),
  paused: () => after(external(), report({ status: 'running' }), pause()),
  succeeded: () => after(external(), report({ status: 'succeeded' })),
  failed: () => after(external(), report({ status: 'failed' })),
  cancelled: () => after(external(), cancel()),
};

export function after(run: TestRun, ...commands: Command[]): TestRun {
  for (const command of commands) run.commit(command);
  return run;
}
function ended(last: (run: TestRun) => Command): TestRun {
  const run = inTurn();
  run.commit(last(run));
  return run;
}
