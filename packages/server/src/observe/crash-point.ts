let armedName: string | null = null;

/** Makes the crash point of this name deadly in this process; null disarms. For fault tests only. */
export function armCrashPoint(name: string | null): void {
  armedName = name;
}

/** A place where a fault test may kill the process as `kill -9` would; does nothing unless armed by this name. */
export function crashPoint(name: string): void {
  if (armedName === name) process.kill(process.pid, 'SIGKILL');
}
