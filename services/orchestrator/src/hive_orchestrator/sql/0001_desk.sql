-- What the orchestrator keeps beside the log. Runs as its own role in its own schema.

create table orchestrator.checkpoint (
    one      boolean primary key default true check (one),
    position bigint not null
);
insert into orchestrator.checkpoint (position) values (0);

create table orchestrator.board (
    task_id    text primary key,
    session_id text not null,       -- '' while it is not leased
    card       json not null
);
create index board_session on orchestrator.board (session_id) where session_id <> '';

create table orchestrator.timers (
    id      text primary key,
    due_at  timestamptz not null,
    stream  text not null,
    command json not null
);

create table orchestrator.succeeded (
    series text primary key         -- of which a run has succeeded
);

create table orchestrator.waits (
    series     text not null,
    mission_id text not null,       -- waits for a success of the series
    primary key (series, mission_id)
);

-- The hearing clock: how long, in all, the hive could hear. Silence is measured on it, so that an
-- outage of the hive itself ends no session.
create table orchestrator.hearing (
    one     boolean primary key default true check (one),
    ms      bigint not null,
    last_at timestamptz not null
);
insert into orchestrator.hearing (ms, last_at) values (0, clock_timestamp());

create table orchestrator.sessions (
    session_id text primary key,
    runner_id  text not null,
    opened     json not null,
    heard_ms   bigint not null,     -- of the hearing clock, at the last beat
    draining   boolean not null default false
);

create table orchestrator.numbers (
    series text primary key,
    last   int not null
);
