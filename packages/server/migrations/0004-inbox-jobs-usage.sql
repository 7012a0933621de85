-- Why: the inbox, bulk jobs, usage per day and limits per organization. Locks: `waits` is locked against writing while
-- its indexes are built, some seconds for a million rows. Breaking: no (an older process leaves `holds` and `usage` as
-- they are: its holds are missing in lists, and its usage in the sums).

-- The holds of every run, as they stand in its state: so that held runs are found without a look at each state.
create table holds (
  id text primary key,
  run_id uuid not null,
  organization_id integer not null,
  number bigint not null,
  name text not null,
  since timestamptz not null,
  -- The run has not ended.
  is_live boolean not null
);
create index holds_by_run on holds (run_id);
create index holds_by_name on holds (organization_id, name, number desc);
create index holds_in_order on holds (organization_id, name, since, id) where is_live;
insert into holds (id, run_id, organization_id, number, name, since, is_live)
select 'hold_' || s.run_id || '_' || (hold->>'name'), s.run_id, s.organization_id, s.number, hold->>'name',
  (hold->>'since')::timestamptz, s.status not in ('succeeded', 'failed', 'cancelled')
from run_state s cross join json_array_elements(s.state->'holds') as hold;

-- The inbox walks each kind by itself, by age or by deadline; what was decided is listed beside it.
create index waits_by_age on waits (organization_id, kind, opened_at, id) where state = 'open';
create index waits_by_deadline on waits (organization_id, kind, coalesce(deadline_at, 'infinity'), opened_at, id)
  where state = 'open';
create index waits_by_assignee on waits (organization_id, assignee, opened_at, id)
  where state = 'open' and assignee is not null;
create index waits_decided on waits (organization_id, opened_at, id) where state <> 'open';

-- What was used, by day (UTC). Each lane of each committer adds to rows of its own, so that none waits for another.
create table usage (
  organization_id integer not null,
  day date not null,
  -- Empty: calls of tools, which belong to no model.
  model text not null,
  -- Saved agent, or empty.
  agent_id text not null,
  committer uuid not null,
  turns bigint not null,
  tool_calls bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  -- Of the calls that have a price.
  cost_usd double precision not null,
  unpriced_turns bigint not null,
  primary key (organization_id, day, model, agent_id, committer)
) with (fillfactor = 50);

-- Limits of every day (UTC): {maxTurns, maxTokens, maxCostUsd, maxToolCalls}. Null: none.
alter table organizations add column daily_limits json;

-- A command on many runs.
create table jobs (
  id text primary key,
  number bigint generated always as identity unique,
  organization_id integer not null references organizations (id),
  action text not null,
  status text not null,
  -- As it was asked; null: the runs were named by id.
  filter json,
  hold text,
  reason text,
  rate_per_second double precision,
  stop_on_error_share double precision,
  -- Who asked; the commands are theirs.
  caller json not null,
  total integer not null,
  changed integer not null default 0,
  skipped integer not null default 0,
  failed integer not null default 0,
  -- The first few.
  errors json not null default '[]',
  ended_by json,
  -- The token bucket: every process takes from here.
  tokens double precision not null default 0,
  -- Seconds since 1970, as exact as the clock.
  tokens_at double precision not null default 0,
  -- Who works it; whoever begins anew takes it over.
  worker uuid,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
create index jobs_by_organization on jobs (organization_id, number desc);
create table job_items (
  job_id text not null references jobs (id) on delete cascade,
  position integer not null,
  run_id uuid not null,
  outcome text,
  primary key (job_id, position)
);
create index job_items_left on job_items (job_id, position) where outcome is null;
