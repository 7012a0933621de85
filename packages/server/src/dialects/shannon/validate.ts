import { badRequest } from './errors.ts';

const ID = /^[\w:.-]{1,128}$/;

/** Throws the wire's 400 for an id that is not one. */
export function checkId(id: string | null | undefined, message: string): string {
  if (id === null || id === undefined || !ID.test(id)) throw badRequest(message);
  return id;
}

export function readLimit(query: URLSearchParams, fallback: number, max: number): number {
  return readInteger(query.get('limit'), fallback, 1, max, 'Invalid limit parameter');
}

export function readOffset(query: URLSearchParams): number {
  return readInteger(query.get('offset'), 0, 0, Number.MAX_SAFE_INTEGER, 'Invalid offset parameter');
}

function readInteger(
  text: string | null,
  fallback: number,
  min: number,
  max: number,
  message: string,
): number {
  if (text === null || text === '') return fallback;
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw badRequest(message);
  return value;
}
