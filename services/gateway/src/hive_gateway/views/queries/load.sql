-- The rows that a batch of events is about: missions $1, phases of missions $2, tasks $3 with
-- their missions, runners $4.
select
    (
        select json_agg(row)
        from gateway.missions as row
        where row.mission_id = any(array(
            select unnest($1::text[])
            union
            select task.mission_id from gateway.tasks as task where task.task_id = any($3::text[])
        ))
    ) as missions,
    (
        select json_agg(row) from gateway.phases as row where row.mission_id = any($2::text[])
    ) as phases,
    (select json_agg(row) from gateway.tasks as row where row.task_id = any($3::text[])) as tasks,
    (
        select json_agg(row) from gateway.runners as row where row.runner_id = any($4::text[])
    ) as runners
