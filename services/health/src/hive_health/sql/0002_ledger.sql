-- What objectives are computed from: how much was counted in which minute. Older than four days it
-- is kept by the hour.
create table counts (
    series text collate "C" not null,
    minute timestamptz not null,
    value double precision not null,
    primary key (series, minute)
);

-- The same without an end: what Prometheus is shown as counters.
create table totals (
    series text collate "C" primary key,
    value double precision not null
);

-- Up to where the record was counted, and the one process that counts (database time).
create table ledger (
    one boolean primary key default true check (one),
    log_id text not null default '',
    position bigint not null default 0,
    holder text not null default '',
    held_until timestamptz not null default '-infinity'
);
insert into ledger default values;
