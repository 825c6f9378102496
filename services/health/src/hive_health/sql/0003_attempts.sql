-- Attempts of agents that came to an end of their own making: what baselines are computed from.
create table attempts (
    position bigint primary key,
    ended_at timestamptz not null,
    mission text not null,
    phase text not null,
    profile text not null,
    model text not null,
    prompt text not null,
    gates text not null,
    repository text not null,
    version text not null,
    outcome text not null,
    seconds double precision,
    usd double precision,
    tokens bigint
);
create index on attempts (ended_at);
