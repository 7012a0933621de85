-- Why: the role of whoever answered before a wait was opened, so that its approvers are checked with it; public keys of
-- the processes that sign receipts. Locks: early_answers exclusively for a moment (no rewrite). Breaking: no.

-- Null: kept by a process that does not know the column.
alter table early_answers add column role text;

create table receipt_keys (
  id text primary key,
  public_key text not null,
  created_at timestamptz not null default now()
);
