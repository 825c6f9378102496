-- Tasks that are open, and what they do now: their minutes are counted while these pass.
create table open_tasks (
    stream text collate "C" primary key,
    mission text collate "C" not null,
    agent boolean not null,
    gating boolean not null,
    state text not null,
    held boolean not null,
    -- Since when it is in the state, the times left out in which it was held; seconds since 1970.
    since double precision not null,
    waited double precision not null,
    -- Up to where its minutes are counted, unless the ledger is further.
    counted double precision not null
);

-- Missions that are paused.
create table paused_missions (mission text collate "C" primary key);

-- Up to where the minutes of all open tasks are counted (seconds since 1970), and whether the
-- error-budget policy lets agents' work take fewer slots, or is overridden.
alter table ledger
    add column minutes_until double precision not null default 0,
    add column fewer_slots boolean not null default false,
    add column overridden boolean not null default false;
