import { z } from 'zod';

const errorDetailSchema = z
  .object({
    path: z.string().optional().describe('Dotted path into the body'),
    message: z.string().describe('What is wrong there'),
    code: z
      .string()
      .optional()
      .describe('MISSING_REQUIRED_FIELD, INVALID_ENUM, INVALID_VALUE, not_supported'),
    suggestion: z.string().optional().describe('What could be sent instead'),
  })
  .describe('One fault');
export type ErrorDetail = z.infer<typeof errorDetailSchema>;

/** Source: wire section 1.1. */
export const errorBodySchema = z
  .object({
    error: z.string().describe('For a person to read'),
    details: z.array(errorDetailSchema).optional().describe('Faults, with their places'),
    code: z.string().optional().describe('For a program to match on'),
    message: z.string().optional().describe('More words'),
    hint: z.string().optional().describe('What to do'),
  })
  .meta({ id: 'RuntypeError' })
  .describe('A refusal');
export type ErrorBody = z.infer<typeof errorBodySchema>;
