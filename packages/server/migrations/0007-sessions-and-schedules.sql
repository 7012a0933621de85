-- Why: sessions (runs that share a conversation) and schedules (runs that start by the clock). Locks: none of note.
-- Breaking: no; sessions that runs name already get their row.

create table sessions (
  organization_id integer not null references organizations (id),
  id uuid not null,
  number bigint generated always as identity,
  key text,
  title text,
  metadata jsonb not null default '{}',
  created_by jsonb not null,
  -- Runs created before it are no part of the conversation: the session was deleted then, and begun anew.
  begun_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  primary key (organization_id, id)
);
create unique index sessions_by_key on sessions (organization_id, key) where key is not null;
create index sessions_in_order on sessions (organization_id, number desc) where deleted_at is null;

insert into sessions (organization_id, id, created_by, begun_at, created_at, updated_at)
select distinct on (organization_id, session_id)
  organization_id, session_id, created_by, created_at, created_at, created_at
from runs where session_id is not null order by organization_id, session_id, number;

create table schedules (
  id uuid primary key,
  number bigint generated always as identity,
  organization_id integer not null references organizations (id),
  origin text not null,
  name text not null,
  description text not null,
  cron text not null,
  timezone text not null,
  missed text not null check (missed in ('skip', 'once', 'all')),
  run json not null,
  metadata jsonb not null,
  face json,
  created_by jsonb not null,
  paused json,
  last_fire_at timestamptz,
  -- Null while it is paused, or when the expression names no more times.
  next_fire_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
create index schedules_in_order on schedules (organization_id, number desc) where deleted_at is null;
create index schedules_due on schedules (next_fire_at) where next_fire_at is not null;

-- One row per firing: two processes never fire one time twice. Without run and error it is still to be started.
create table schedule_fires (
  schedule_id uuid not null references schedules (id),
  fire_at timestamptz not null,
  fired_at timestamptz not null,
  run_id uuid,
  error text,
  primary key (schedule_id, fire_at)
);
create index schedule_fires_to_start on schedule_fires (fired_at) where run_id is null and error is null;
