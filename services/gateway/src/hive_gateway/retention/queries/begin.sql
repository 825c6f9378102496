-- Begin the index anew, for the history $1.
with emptied as (delete from gateway.artifact_refs)
insert into gateway.artifact_index (log_id, position) values ($1, 0)
on conflict (singleton) do update set log_id = excluded.log_id, position = 0
