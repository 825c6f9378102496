-- The log: what happened, in commit order. Runs as hive_owner, which nobody can log in as.
--
-- There are no check constraints: PostgreSQL would read them anew for each statement, which doubles
-- the price of a lone append. hive.append() is the only way in, and checks.

create table hive.events (
    position bigint not null,
    stream text collate "C" not null,
    version bigint not null,
    category text collate "C" not null,
    id text not null,
    type text not null,
    -- `json` keeps the exact bytes; `jsonb` would reorder keys, rewrite numbers and refuse a NUL,
    -- and with it the whole batch. Query with data::jsonb.
    data json not null,
    meta json not null,
    recorded_at timestamptz not null
) partition by range (position);

create unique index events_position on hive.events (position);
-- Not unique: a unique key would have to contain the partition key. hive.append() guards
-- (stream, version) under its lock and hive.check_streams() proves it every night.
create index events_stream on hive.events (stream, version);
create index events_category on hive.events (category, position);

-- Where each stream stands. The fill factor leaves room for updates in place.
create table hive.streams (
    stream text collate "C" primary key,
    version bigint not null
) with (fillfactor = 70);

-- The first answer to each command id. The id comes first in the key: it is ordered by time, so
-- new rows go to the right edge of the index and old ones are purged from its left.
create table hive.commands (
    id text collate "C" not null,
    caller text collate "C" not null,
    fingerprint bytea not null,
    position bigint not null,
    answer bytea not null,
    primary key (id, caller)
);

-- Which role may write which category of streams.
create table hive.writers (
    role name not null,
    category text collate "C" not null,
    primary key (role, category)
);
insert into hive.writers values
    ('hive_orchestrator', 'mission'),
    ('hive_orchestrator', 'task'),
    ('hive_orchestrator', 'runner');

-- Who alone may act, each role among its own fences.
create table hive.fences (
    role name not null,
    name text not null,
    holder text not null,
    token bigint not null,
    expires_at timestamptz not null,
    primary key (role, name)
);

-- The ids of this log's histories; the last one is in force.
create table hive.log_ids (
    number bigint generated always as identity primary key,
    id text not null,
    began_at timestamptz not null default clock_timestamp()
);
insert into hive.log_ids (id) values (replace(gen_random_uuid()::text, '-', ''));

create function hive.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'hive.% is append-only: % refused', tg_table_name, tg_op
        using errcode = '42501';
end
$$;

-- `always`: session_replication_role = replica does not get round them. The trigger on rows is
-- copied to each partition as it is attached, the one on truncate is not (hive.ensure_partitions).
create trigger append_only before update or delete on hive.events
    for each row execute function hive.refuse_change();
alter table hive.events enable always trigger append_only;
create trigger no_truncate before truncate on hive.events
    for each statement execute function hive.refuse_change();
alter table hive.events enable always trigger no_truncate;
create trigger append_only before update or delete or truncate on hive.log_ids
    for each statement execute function hive.refuse_change();
alter table hive.log_ids enable always trigger append_only;

grant usage on schema hive
    to hive_orchestrator, hive_gateway, hive_github, hive_health, hive_relay;
grant select on hive.events, hive.streams, hive.log_ids
    to hive_orchestrator, hive_gateway, hive_github, hive_health, hive_relay;
grant select on hive.commands to hive_orchestrator;
-- Functions are open to everybody unless the schema says otherwise.
alter default privileges in schema hive revoke execute on functions from public;
