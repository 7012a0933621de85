import { randomUUID } from 'node:crypto';
import type { DailyLimit, DailyLimits } from '@fermata/protocol';
import type { ReachedDailyLimit } from '../engine/commands.ts';
import type { UsageWrites } from './committer-usage.ts';
import type { Pool } from './pool.ts';

interface Used {
  turns: number;
  tokens: number;
  toolCalls: number;
  costUsd: number;
}

interface Budget {
  limits: DailyLimits;
  /** What all other committers have used on `day`, as of the last look. */
  others: Used;
}

const DAY_MS = 86_400_000;
const NOTHING: Used = { turns: 0, tokens: 0, toolCalls: 0, costUsd: 0 };

/**
 * The limits of organizations, and how much of today's is used: asked by every commit that begins a step, so it is
 * known here without asking the database. What this process has used is counted as it commits; what others have
 * used is as old as the last look, a second as a rule.
 */
export class DailyBudgets {
  readonly #pool: Pool;
  /** Whose rows of `usage` this process adds to: each lane has its own. */
  readonly #committerIds: string[] = [];
  /** Time of commits, ms since 1970. */
  readonly #now: () => number;
  #budgets = new Map<number, Budget>();
  #day = '';
  /** What this process has used on `day`, by organization. */
  #own = new Map<number, Used>();

  constructor(pool: Pool, now: () => number) {
    this.#pool = pool;
    this.#now = now;
  }

  /** For a lane that begins to commit. */
  newCommitterId(): string {
    const id = randomUUID();
    this.#committerIds.push(id);
    return id;
  }

  /** Looks at the limits and at what others have used. */
  async look(): Promise<void> {
    const day = this.#today();
    const rows = await this.#pool.read(
      (sql) => sql<
        {
          id: number;
          daily_limits: DailyLimits;
          turns: number;
          tokens: number;
          tool_calls: number;
          cost_usd: number;
        }[]
      >`
        select o.id, o.daily_limits, sums.* from organizations o cross join lateral (
          select coalesce(sum(u.turns), 0)::bigint as turns,
            coalesce(sum(u.input_tokens + u.output_tokens), 0)::bigint as tokens,
            coalesce(sum(u.tool_calls), 0)::bigint as tool_calls, coalesce(sum(u.cost_usd), 0) as cost_usd
          from usage u
          where u.organization_id = o.id and u.day = ${day}::date and u.committer <> all(${this.#committerIds}::uuid[])
        ) sums
        where o.daily_limits is not null`,
    );
    this.#turnTo(day);
    this.#budgets = new Map(
      rows.map((row) => {
        const { id, daily_limits: limits, turns, tokens, tool_calls: toolCalls, cost_usd: costUsd } = row;
        return [id, { limits, others: { turns, tokens, toolCalls, costUsd } }];
      }),
    );
  }

  /** What a commit of this process has used; it is durable. */
  add(usage: UsageWrites): void {
    for (const row of usage.values()) {
      this.#turnTo(row.day > this.#day ? row.day : this.#day);
      if (row.day !== this.#day) continue;
      const own = this.#own.get(row.organizationId) ?? NOTHING;
      this.#own.set(row.organizationId, {
        turns: own.turns + row.turns,
        tokens: own.tokens + row.inputTokens + row.outputTokens,
        toolCalls: own.toolCalls + row.toolCalls,
        costUsd: own.costUsd + row.costUsd,
      });
    }
  }

  /** The limits that stand in the way now. */
  reached(organizationId: number): readonly ReachedDailyLimit[] {
    const budget = this.#budgets.get(organizationId);
    if (budget === undefined) return NONE;
    this.#turnTo(this.#today());
    const { limits, others } = budget;
    const own = this.#own.get(organizationId) ?? NOTHING;
    const used: Record<DailyLimit, number> = {
      maxTurns: others.turns + own.turns,
      maxTokens: others.tokens + own.tokens,
      maxToolCalls: others.toolCalls + own.toolCalls,
      maxCostUsd: others.costUsd + own.costUsd,
    };
    const names = Object.keys(used) as DailyLimit[];
    return names.flatMap((limit) => {
      const most = limits[limit] ?? null;
      return most === null || used[limit] < most ? [] : [{ limit, most, until: this.#tomorrow() }];
    });
  }

  #today(): string {
    return new Date(this.#now()).toISOString().slice(0, 10);
  }

  #tomorrow(): string {
    return new Date(Date.parse(this.#day) + DAY_MS).toISOString();
  }

  /** A new day begins with nothing used. */
  #turnTo(day: string): void {
    if (day <= this.#day) return;
    this.#day = day;
    this.#own = new Map();
    for (const budget of this.#budgets.values()) budget.others = NOTHING;
  }
}

const NONE: readonly ReachedDailyLimit[] = [];
