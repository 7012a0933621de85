import { z } from 'zod';

/** The execution is looked up by its own id: widgets that know no agent say `virtual`. Source: wire section 0, rule 6. */
export const anyAgentParams = z.object({ id: z.string().describe('Agent; not looked at') });

export const agentParams = z.object({ id: z.string().min(1).describe('Saved agent') });

export const executionParams = anyAgentParams.extend({
  executionId: z.string().min(1).describe('The execution, exec_<uuid>'),
});
