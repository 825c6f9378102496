-- Of the tasks in $1 those of which a runner may let something go: all of it where the mission was
-- released, the work that was merged where its branch was landed as it ended.
select task.task_id, mission.released is not null as all, coalesce(task.result ->> 'commit', '') as commit
from gateway.tasks as task
join gateway.missions as mission using (mission_id)
where task.task_id = any($1::text[])
    and (
        mission.released is not null
        or (task.merged and mission.landed ->> 'commit' = mission.tip ->> 'commit')
    )
