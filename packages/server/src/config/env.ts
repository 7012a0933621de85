// The only file that reads `process.env`. It only reads: names, defaults and checks are in config.ts.

/** Environment variables by name, as the shell has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A copy of the environment of this process. */
export function readEnvironment(): Environment {
  return { ...process.env };
}
