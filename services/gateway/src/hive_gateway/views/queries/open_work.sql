-- Work of a mission that has not ended.
select json_agg(task order by task.position)
from gateway.tasks as task
where task.mission_id = $1 and task.kind = 'work'
    and task.status not in ('succeeded', 'failed', 'cancelled')
