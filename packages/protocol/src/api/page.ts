import { z } from 'zod';
import { integerParameter } from './parameter.ts';

/** The members of every list's query. */
export const pageQueryShape = {
  limit: integerParameter('How many, 20 unless told, at most 100', { min: 1, max: 100 }).optional(),
  cursor: z.string().min(1).max(2048).optional().describe('nextCursor of the page before'),
};

export const pageQuerySchema = z.strictObject(pageQueryShape).describe('Which page');
export type ListQuery = z.output<typeof pageQuerySchema>;

/** A page of a list. */
export function pageSchema<T extends z.ZodType>(item: T, what: string): PageSchema<T> {
  return z
    .object({
      data: z.array(item).describe('The items'),
      nextCursor: z.string().nullable().describe('Cursor of the next page; null on the last'),
    })
    .describe(what);
}
export type PageSchema<T extends z.ZodType> = z.ZodObject<{
  data: z.ZodArray<T>;
  nextCursor: z.ZodNullable<z.ZodString>;
}>;

/** A page of a list, as the API answers it. */
export interface ListReply<T> {
  data: T[];
  nextCursor: string | null;
}
