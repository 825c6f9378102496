-- What the record says of GitHub, as rows: projected, so they can be made again from the record.

create table repositories (
    repository_id text collate "C" primary key,
    full_name text not null,
    installation bigint not null,
    connected boolean not null
);
create index repositories_name on repositories (lower(full_name));

create table pull_requests (
    mission_id text collate "C" primary key,
    mission text not null,
    repository_id text collate "C" not null default '',
    number integer not null default 0,
    state text not null default 'open'
);
create index pull_requests_number on pull_requests (repository_id, number);

create table limits (
    installation bigint not null,
    pool text collate "C" not null,
    kind text not null,
    until_ms bigint not null,
    primary key (installation, pool)
);
