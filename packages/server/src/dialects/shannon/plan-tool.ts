import type { Tool } from '@fermata/protocol';

/** The built-in tool by which an agent proposes a plan and waits for its review. */
export const PLAN_TOOL = 'propose_plan';

/** The tool as a run gets it; with a time-out, a review that nobody answers ends the task. */
export function planTool(timeoutSeconds: number | null): Tool {
  return {
    type: 'builtin',
    name: PLAN_TOOL,
    ...(timeoutSeconds === null ? {} : { deadline: [{ after: timeoutSeconds, expire: true }] }),
  };
}
