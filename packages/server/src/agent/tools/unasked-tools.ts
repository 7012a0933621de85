import { mcpDrafts } from './mcp-tool.ts';
import { resolvedTool, type ResolvedTool, type ToolDraft } from './resolved-tool.ts';
import { ruled } from './tool-rules.ts';
import { ownDrafts, type ToolboxOptions } from './toolbox.ts';

/** The tools of an agent, as far as they are known without asking its MCP servers. */
export interface UnaskedTools {
  tools: ResolvedTool[];
  /** Why the tools cannot be used at all, or null. */
  problem: string | null;
  /** The tool as it is if one of the MCP servers (still) offers it, or null when none of them may. */
  assume(name: string): ResolvedTool | null;
}

export function unaskedTools(
  options: Pick<ToolboxOptions, 'tools' | 'mcpServers' | 'toolRules' | 'defaultTimeoutMs'>,
): UnaskedTools {
  const own = ownDrafts(options);
  const resolved = (draft: ToolDraft): ResolvedTool => resolvedTool(ruled(draft, options.toolRules));
  return {
    tools: own.ok ? own.drafts.map(resolved) : [],
    problem: own.ok ? null : own.failure.kind === 'aborted' ? 'aborted' : own.failure.message,
    assume(name) {
      for (const server of options.mcpServers) {
        const overrides = options.tools.filter((tool) => tool.type === 'mcp' && tool.server === server.name);
        const offered = [{ name, inputSchema: { type: 'object' as const } }];
        const [draft] = mcpDrafts(server, offered, overrides, options.defaultTimeoutMs);
        if (draft !== undefined) return resolved(draft);
      }
      return null;
    },
  };
}
