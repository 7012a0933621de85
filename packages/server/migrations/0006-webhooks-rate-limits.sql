-- Why: webhooks with their deliveries, and rate limits that all processes share. Locks: none on tables that are in
-- use. Breaking: no.

-- Where events are sent to: of every run of the organization, or of one run.
create table webhooks (
  id text primary key,
  organization_id integer not null references organizations (id),
  -- Whose format the payload has.
  face text not null,
  run_id uuid,
  url text not null,
  -- A sealed box.
  secret text,
  enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index webhooks_of_organization on webhooks (organization_id, face) where run_id is null;
create index webhooks_of_run on webhooks (run_id) where run_id is not null;

-- One row per attempt.
create table webhook_deliveries (
  id bigint generated always as identity primary key,
  organization_id integer not null,
  webhook_id text not null,
  run_id uuid not null,
  seq integer not null,
  event_type text not null,
  attempt integer not null,
  -- What the other side answered; null when it did not.
  status smallint,
  error text,
  -- Delivered, or given up: there is no further attempt.
  is_last boolean not null,
  started_at timestamptz not null,
  duration_ms integer not null
);
create index webhook_deliveries_of_event on webhook_deliveries (webhook_id, run_id, seq, attempt);
create index webhook_deliveries_of_run on webhook_deliveries (run_id, id);
create index webhook_deliveries_by_time on webhook_deliveries (started_at);

-- Fixed windows of requests per key, as the limiter's library lays them out (expire: ms since 1970). What a crash of
-- the database loses is a window that has begun.
create unlogged table rate_limits (
  key varchar(255) primary key,
  points integer not null default 0,
  expire bigint
);
create index rate_limits_ended on rate_limits (expire);
