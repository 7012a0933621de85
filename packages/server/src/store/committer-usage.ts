import type { RunEvent, TokenUsage } from '@fermata/protocol';
import type { RunState } from '../engine/state.ts';
import type { Sql } from './sql.ts';

/** What a batch adds to one row of `usage`. */
export interface UsageWrite {
  organizationId: number;
  /** `2026-01-02`, UTC. */
  day: string;
  /** Empty: calls of tools. */
  model: string;
  /** Saved agent, or empty. */
  agentId: string;
  turns: number;
  toolCalls: number;
  inputTokens: number;
  outputTokens: number;
  costUsd: number;
  unpricedTurns: number;
}

/** By organization, day, model and agent. */
export type UsageWrites = Map<string, UsageWrite>;

/** What the events of one command have used; most commands use nothing. */
export function projectUsage(
  usage: UsageWrites,
  before: RunState,
  after: RunState,
  events: readonly RunEvent[],
): void {
  const toolCalls = after.usage.toolCalls - before.usage.toolCalls;
  if (toolCalls > 0) rowOf(usage, after, after.at, '').toolCalls += toolCalls;
  for (const event of events) {
    if (event.type === 'message.completed') {
      addTokens(rowOf(usage, after, event.at, event.data.model), event.data.usage, 1);
    } else if (event.type === 'usage.recorded') {
      addTokens(rowOf(usage, after, event.at, event.data.model), event.data.usage, 0);
    }
  }
}

function addTokens(row: UsageWrite, usage: TokenUsage, turns: number): void {
  row.turns += turns;
  row.inputTokens += usage.inputTokens;
  row.outputTokens += usage.outputTokens;
  row.costUsd += usage.costUsd ?? 0;
  if (usage.costUsd === null) row.unpricedTurns += 1;
}

function rowOf(
  usage: UsageWrites,
  { organizationId, agentId = '' }: RunState,
  at: string,
  model: string,
): UsageWrite {
  const day = at.slice(0, 10);
  const key = JSON.stringify([organizationId, day, model, agentId]);
  const known = usage.get(key);
  if (known !== undefined) return known;
  const row: UsageWrite = {
    organizationId,
    day,
    model,
    agentId,
    turns: 0,
    toolCalls: 0,
    inputTokens: 0,
    outputTokens: 0,
    costUsd: 0,
    unpricedTurns: 0,
  };
  usage.set(key, row);
  return row;
}

/** The rows are the lane's own, so nobody waits for them. */
export function writeUsage(sql: Sql, usage: UsageWrites, committerId: string): PromiseLike<unknown> {
  const json = [...usage.values()].map((row) => ({
    organization_id: row.organizationId,
    day: row.day,
    model: row.model,
    agent_id: row.agentId,
    committer: committerId,
    turns: row.turns,
    tool_calls: row.toolCalls,
    input_tokens: row.inputTokens,
    output_tokens: row.outputTokens,
    cost_usd: row.costUsd,
    unpriced_turns: row.unpricedTurns,
  }));
  return sql`
    insert into usage select * from json_populate_recordset(null::usage, ${JSON.stringify(json)}::json)
    on conflict (organization_id, day, model, agent_id, committer) do update set
      turns = usage.turns + excluded.turns, tool_calls = usage.tool_calls + excluded.tool_calls,
      input_tokens = usage.input_tokens + excluded.input_tokens,
      output_tokens = usage.output_tokens + excluded.output_tokens,
      cost_usd = usage.cost_usd + excluded.cost_usd, unpriced_turns = usage.unpriced_turns + excluded.unpriced_turns`;
}
