-- Pull requests that the hive is to merge, and checks on GitHub that judge a mission: projected, too.

alter table pull_requests
    add column pushed text collate "C" not null default '',
    add column merging boolean not null default false;

create table awaited_checks (
    task_id text collate "C" not null,
    gate text collate "C" not null,
    mission_id text collate "C" not null,
    check_name text not null,
    commit_id text collate "C" not null,
    primary key (task_id, gate)
);
