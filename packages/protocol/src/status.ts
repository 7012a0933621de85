import { z } from 'zod';

/** Where a run stands. Derived from its log (design section 3), never set by hand. */
export const runStatusSchema = z
  .enum(['queued', 'running', 'pausing', 'paused', 'waiting', 'succeeded', 'failed', 'cancelled'])
  .describe('Where the run stands');
export type RunStatus = z.infer<typeof runStatusSchema>;

export const RUN_STATUSES = runStatusSchema.options;

export type TerminalStatus = Extract<RunStatus, 'succeeded' | 'failed' | 'cancelled'>;

export function isTerminal(status: RunStatus): status is TerminalStatus {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled';
}

export const runModeSchema = z
  .enum(['managed', 'external'])
  .describe('managed: the server drives the loop. external: the client drives it and reports');
export type RunMode = z.infer<typeof runModeSchema>;

/** An open list: a dialect may bring its own kind. */
export const runKindSchema = z
  .string()
  .min(1)
  .max(64)
  .describe('What kind of run: agent, flow, setup_commands, log_analysis, session, …');

export const runOriginSchema = z
  .enum(['native', 'telnyx', 'codegen', 'runtype', 'shannon', 'schedule'])
  .describe('The face through which the run was started');
export type RunOrigin = z.infer<typeof runOriginSchema>;

export const roleSchema = z
  .enum(['viewer', 'operator', 'developer', 'admin'])
  .describe('What a key may do; each role includes the ones before it');
export type Role = z.infer<typeof roleSchema>;

/** True when `role` includes everything that `needed` may do. */
export function roleIncludes(role: Role, needed: Role): boolean {
  return roleSchema.options.indexOf(role) >= roleSchema.options.indexOf(needed);
}
