import type { AgentFields } from '@fermata/protocol';
import type { ToolDraft } from './resolved-tool.ts';

export type ToolRules = NonNullable<AgentFields['toolRules']>;

/**
 * A tool with what the agent's rules say of it: by its name, or by that which its MCP server gave it, else by `*`, which
 * is not meant for the built-in ones. A rule goes before what the tool says itself, so no later declaration lifts it.
 */
export function ruled(draft: ToolDraft, rules: ToolRules | undefined): ToolDraft {
  if (rules === undefined) return draft;
  const remoteName = draft.target.kind === 'mcp' ? draft.target.remoteName : draft.name;
  const rule = ruleOf(rules, draft.name) ?? ruleOf(rules, remoteName);
  if (rule !== undefined) return { ...draft, ...rule };
  return draft.type === 'builtin' ? draft : { ...draft, ...ruleOf(rules, '*') };
}

function ruleOf(rules: ToolRules, name: string): ToolRules[string] | undefined {
  return Object.hasOwn(rules, name) ? rules[name] : undefined;
}
