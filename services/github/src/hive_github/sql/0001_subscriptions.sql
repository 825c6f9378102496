-- Where a service's subscriptions stand. Each service that has any carries this file, byte for
-- byte, among its migrations: the tables belong to it.

create table subscriptions (
    name text collate "C" primary key,
    -- The history that the position belongs to; empty before the first event.
    log_id text not null default '',
    position bigint not null default 0,
    -- Why it stands still at the event after `position`; empty while it goes.
    stopped text not null default '',
    -- The one process whose effects may be recorded, and until when (database time).
    holder text not null default '',
    held_until timestamptz not null default '-infinity'
);

-- Streams of which an effect failed: its event is tried again at `next_at`, and after too many
-- tries parked, until somebody replays it.
create table parked (
    subscription text collate "C" not null references subscriptions on delete cascade,
    stream text collate "C" not null,
    position bigint not null,
    event_type text not null,
    tries integer not null,
    error text not null,
    next_at timestamptz not null,
    parked_at timestamptz,
    primary key (subscription, stream)
);

-- Later events of such a stream: they wait, so that the stream's order holds.
create table parked_waiting (
    subscription text collate "C" not null,
    stream text collate "C" not null,
    position bigint not null,
    primary key (subscription, stream, position),
    foreign key (subscription, stream) references parked on delete cascade
);

-- Operators look at all services through the gateway, and replay there.
do $$
begin
    execute format('grant usage on schema %I to hive_gateway', current_schema());
end
$$;
grant select on subscriptions, parked, parked_waiting to hive_gateway;
grant update (tries, next_at, parked_at) on parked to hive_gateway;
