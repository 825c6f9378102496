-- Missions that have a deadline and have not ended for the first time.
create table deadlines (
    stream text collate "C" primary key,
    name text not null,
    seconds double precision not null,
    due_at timestamptz not null
);
