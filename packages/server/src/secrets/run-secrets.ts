import type { SecretBox } from './secret-box.ts';

/** The secrets of a run, from the box that binds them to it. */
export function secretsOf(box: SecretBox, sealed: string, runId: string): Record<string, string> {
  return JSON.parse(box.open(sealed, runId)) as Record<string, string>;
}
