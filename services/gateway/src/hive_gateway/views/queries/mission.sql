-- One mission by id or short name, with its position; with $2 only those of its tasks.
select
    (select position from gateway.subscriptions where name = 'views') as position,
    to_json(mission) as mission,
    to_json(detail) as detail,
    (
        select json_agg(phase order by phase.position)
        from gateway.phases as phase
        where phase.mission_id = mission.mission_id
    ) as phases,
    (
        select json_agg(task order by task.position)
        from gateway.tasks as task
        where task.mission_id = mission.mission_id
            and ($2::text[] is null or task.task_id = any($2::text[]) or (task.asks and mission.pending > 0))
    ) as tasks
from gateway.missions as mission
join gateway.mission_details as detail using (mission_id)
where mission.mission_id = $1 or mission.name = $1
order by mission.position desc
limit 1
