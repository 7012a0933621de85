-- Why: missions, the plan of a run, runs without a mission. Locks: `create index` holds up writes to runs and events
-- while it builds. Breaking: no.

create table missions (
  id uuid primary key,
  number bigint generated always as identity unique,
  organization_id integer not null references organizations (id),
  name text not null,
  description text,
  instructions text,
  model text,
  mode text not null check (mode in ('managed', 'external')),
  metadata jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index missions_by_organization on missions (organization_id, number desc) where deleted_at is null;

-- The runs of the organization's mission `Unassigned`, which has no row.
create index runs_without_mission on runs (organization_id, number desc) where mission_id is null;

-- A plan stands in the log alone; it is read without the rest of it.
create index events_of_plans on events (run_id, seq)
  where type in ('plan.created', 'plan.steps_added', 'plan.step_updated');
