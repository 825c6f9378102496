-- The gateway's read models: folds of the log that can be thrown away and built again.
-- Durations are seconds; values that only pass through are kept as the JSON of the events.

-- What changes often is apart from what is written once and may be long.
create table missions (
    mission_id text collate "C" primary key,
    name text collate "C" not null,
    series text collate "C" not null,
    agent_type text not null,
    status text not null,
    reason text not null,
    launched_at timestamptz not null,
    ended_at timestamptz,
    -- Of its launch: the order in which missions are listed.
    position bigint not null,
    -- Work that is known of so far, and how much of it has succeeded.
    tasks integer not null,
    tasks_done integer not null,
    -- Approvals that people still owe.
    pending integer not null,
    unmet json not null,
    tip json
) with (fillfactor = 80);
create index missions_by_name on missions (name);
create index missions_by_position on missions (position);
create index missions_open_by_type on missions (agent_type, position) where ended_at is null;

create table mission_details (
    mission_id text collate "C" primary key,
    objective text not null,
    repository json,
    traceparent text not null,
    -- The command that launched it.
    command_id text collate "C" not null
);
create index mission_details_by_command on mission_details (command_id);

create table phases (
    mission_id text collate "C" not null,
    name text collate "C" not null,
    status text not null,
    needs json not null,
    position bigint not null,
    command_id text collate "C" not null,
    primary key (mission_id, name)
);
create index phases_by_command on phases (command_id);

create table tasks (
    task_id text collate "C" primary key,
    mission_id text collate "C" not null,
    name text not null,
    phase text not null,
    kind text not null,
    status text not null,
    epoch integer not null,
    attempt integer not null,
    attempts integer not null,
    -- Attempts that failed by the agent's or a gate's fault.
    counted integer not null,
    step text not null,
    runner_id text not null,
    failure json,
    gates json not null,
    result json,
    approvals json not null,
    asks boolean not null,
    merged boolean not null,
    planned_at timestamptz not null,
    changed_at timestamptz not null,
    position bigint not null
) with (fillfactor = 70);
create index tasks_by_mission on tasks (mission_id, position);
-- `asks` never changes back, so no update of a status touches this index.
create index tasks_that_ask on tasks (mission_id, position) where asks;

create table runners (
    runner_id text collate "C" primary key,
    name text not null,
    session_id text not null,
    status text not null,
    slots integer not null,
    agents json not null,
    changed_at timestamptz not null
);
