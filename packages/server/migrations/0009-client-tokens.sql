-- Why: pages that talk to one agent or flow without a key: their tokens, their visitors' sessions, what visitors say
-- of replies. Locks: none on tables that are in use. Breaking: no.

create table client_tokens (
  id text primary key,
  number bigint generated always as identity,
  organization_id integer not null references organizations (id),
  name text not null,
  prefix text not null,
  -- SHA-256 of the token.
  hash bytea not null unique,
  -- A saved agent or flow; null: the default.
  target text,
  origins text[] not null,
  active boolean not null,
  config json not null,
  daily_message_limit integer,
  created_by json not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_used_at timestamptz,
  revoked_at timestamptz
);
create index client_tokens_in_order on client_tokens (organization_id, number);

-- A visitor's, for a day. Runs name it by its id, which is not what the page sends.
create table client_sessions (
  id text primary key,
  organization_id integer not null references organizations (id),
  token_id text not null references client_tokens (id),
  -- SHA-256 of what the page sends.
  hash bytea not null unique,
  conversation_id uuid not null,
  -- The page's, or null when the token asks for none.
  origin text,
  -- The tools of the page, under the fingerprint by which the page names them later.
  tools json,
  tools_fingerprint text,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index client_sessions_of_conversation on client_sessions (token_id, conversation_id);
create index client_sessions_by_expiry on client_sessions (expires_at);

-- Stays when its session is gone.
create table client_feedback (
  id text primary key,
  number bigint generated always as identity,
  organization_id integer not null references organizations (id),
  token_id text not null references client_tokens (id),
  session_id text not null,
  conversation_id uuid not null,
  type text not null,
  -- Empty: of the conversation as a whole.
  message_id text not null,
  rating smallint,
  comment text,
  metadata json,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (session_id, type, message_id)
);
create index client_feedback_of_token on client_feedback (token_id, number desc);
