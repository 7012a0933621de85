// The only file of the command line that reads `process.env`.

/** Environment variables by name, as the shell has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy of the environment of this process. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
