/** What befalls the process at an armed point: it dies as by `kill -9`, or freezes until it is sent SIGCONT. */
type Fate = 'SIGKILL' | 'SIGSTOP';

const armed = new Map<Fate, { name: string; passesLeft: number }>();

/**
 * Makes a crash point fatal in this process, by its name, or as `<name>:<n>` when it is passed for the n-th time;
 * null disarms. For fault tests only.
 */
export function armCrashPoint(point: string | null, fate: Fate = 'SIGKILL'): void {
  armed.delete(fate);
  if (point === null) return;
  const [name = '', passes = '1'] = point.split(':');
  armed.set(fate, { name, passesLeft: Number(passes) });
}

/** A place where a fault test may kill or freeze the process; does nothing unless armed by this name. */
export function crashPoint(name: string): void {
  for (const [fate, point] of armed) {
    if (point.name !== name) continue;
    point.passesLeft -= 1;
    if (point.passesLeft === 0) process.kill(process.pid, fate);
  }
}
