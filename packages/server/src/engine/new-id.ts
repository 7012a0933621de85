import { v7 } from 'uuid';

/** A new id of a kind, as `wait_<32 hex>`; ids sort by the time at which they were made. */
export function newIdOf(prefix: string): string {
  return prefix + v7().replaceAll('-', '');
}
