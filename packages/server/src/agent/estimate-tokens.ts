import type { TranscriptMessage } from '@fermata/protocol';

/** English prose and JSON alike come to about four characters a token with every provider. */
const CHARACTERS_PER_TOKEN = 4;
/** What providers count for a picture or a page lies between some hundred and two thousand. */
const TOKENS_PER_FILE = 1_000;
/** Role and separators. */
const TOKENS_PER_MESSAGE = 4;

/** About how many tokens a prompt has. An estimate: no tokenizer is asked. */
export function estimateTokens(prompt: {
  instructions: string | undefined;
  messages: readonly TranscriptMessage[];
  tools: readonly { name: string; description: string | undefined; inputSchema: object }[];
}): number {
  let characters = prompt.instructions?.length ?? 0;
  let tokens = TOKENS_PER_MESSAGE * (prompt.messages.length + 1);
  for (const message of prompt.messages) {
    for (const part of message.parts) {
      if (part.type === 'image' || part.type === 'file') tokens += TOKENS_PER_FILE;
      else characters += part.text.length;
    }
    for (const { tool, args, editedArgs, output, error } of message.calls) {
      characters += tool.length + JSON.stringify(editedArgs ?? args).length;
      characters += output === null ? (error?.message.length ?? 0) : JSON.stringify(output).length;
    }
  }
  for (const { name, description, inputSchema } of prompt.tools) {
    characters += name.length + (description?.length ?? 0) + JSON.stringify(inputSchema).length;
  }
  return tokens + Math.ceil(characters / CHARACTERS_PER_TOKEN);
}
