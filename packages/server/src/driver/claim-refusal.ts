import { EngineError, Fenced } from '../engine/errors.ts';
import type { Logger } from '../observe/log.ts';

/**
 * The run has moved on, or does not want the command any more: normal for whoever acts upon what was read a
 * moment ago, since another process may have done the same.
 */
export function isExpectedRefusal(error: unknown): boolean {
  if (error instanceof Fenced) return true;
  return error instanceof EngineError && error.code !== 'unavailable' && error.code !== 'internal';
}

/** Logs what is not a refusal: an unreachable database only as a debug line, since everybody else says so too. */
export function logUnexpected(logger: Logger, error: unknown, fields: object, message: string): void {
  if (isExpectedRefusal(error)) return;
  if (error instanceof EngineError && error.code === 'unavailable')
    logger.debug({ err: error, ...fields }, message);
  else logger.error({ err: error, ...fields }, message);
}
