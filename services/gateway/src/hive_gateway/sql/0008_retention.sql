-- Which missions name which artifacts, how far the record was read for that, and what was deleted.

create table artifact_refs (
    digest text collate "C" not null,
    mission_id text collate "C" not null,
    primary key (digest, mission_id)
);

-- One row. What was read of another history says nothing about this one.
create table artifact_index (
    singleton boolean primary key default true check (singleton),
    log_id text not null,
    position bigint not null
);

-- Made by deleting, so no fold of the log can make it again.
create table deleted_artifacts (
    digest text collate "C" primary key,
    deleted_at timestamptz not null
);
