/** How a run takes up a prompt again: the text of the user's turn that follows. */
export interface ResumeRoutine {
  prompt(text: string): string;
}

/** The prompt is the next turn of the conversation. */
const CHAT: ResumeRoutine = { prompt: (text) => text };

/** The run keeps its own instructions and the form of its result: the prompt asks for a change of that result. */
const SETUP_COMMANDS: ResumeRoutine = {
  prompt: (text) =>
    `Change the setup commands as follows, and answer with the complete list again, in the same form.\n\n${text}`,
};

/** Routines of runs that the product starts by itself, by their kind. */
const ROUTINES: ReadonlyMap<string, ResumeRoutine> = new Map([['setup_commands', SETUP_COMMANDS]]);

/** The way back of a run: by its kind, which no client can choose. */
export function resumeRoutine(kind: string): ResumeRoutine {
  return ROUTINES.get(kind) ?? CHAT;
}
