import type { AgentFields, JsonObject, RunAgent } from '@fermata/protocol';

const INSTRUCTIONS = `You write the shell commands that prepare a fresh checkout of a repository for work: install its
toolchain and dependencies, and build what its tests need. Answer with JSON alone: "setup_commands", the commands in
the order in which they run, each one line that needs no answer from a person, and "notes", what whoever runs them
should know, or an empty text. When a change is asked for, answer with the whole list as it is after the change.`;

const OUTPUT: JsonObject = {
  type: 'object',
  properties: {
    setup_commands: { type: 'array', items: { type: 'string' } },
    notes: { type: 'string' },
  },
  required: ['setup_commands'],
  additionalProperties: false,
};

/** The agent of runs of the kind `setup_commands`: its own instructions and result, the model of the default agent. */
export function setupCommandsAgent({ model, script }: RunAgent): AgentFields {
  return {
    name: 'setup-commands',
    model,
    ...(script === undefined ? {} : { script }),
    instructions: INSTRUCTIONS,
    output: OUTPUT,
  };
}

/** What the run begins with. */
export function setupCommandsPrompt(repoId: number, prompt: string | undefined): string {
  const asked = `Write the setup commands of repository ${repoId}.`;
  return prompt === undefined || prompt.trim() === '' ? asked : `${asked}\n\n${prompt}`;
}
