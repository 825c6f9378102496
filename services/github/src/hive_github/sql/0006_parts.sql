-- A mission has a pull request for all that it changed, whose part is empty, or one for each task.

alter table pull_requests
    add column part text collate "C" not null default '',
    drop constraint pull_requests_pkey,
    add primary key (mission_id, part);
