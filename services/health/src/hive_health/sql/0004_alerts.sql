-- Alerts that others have sent (Alertmanager), as they were told last.
create table alerts (
    fingerprint text collate "C" primary key,
    name text not null,
    labels json not null,
    text text not null,
    severity text not null,
    since_ms bigint not null,
    -- Null while it fires.
    ended_at timestamptz,
    -- When it was told last, in database time: one that is not told again is forgotten.
    told_at timestamptz not null
);
create index alerts_firing on alerts (told_at) where ended_at is null;
