-- Tasks of a mission that ask, or have asked, for an approval.
select json_agg(task order by task.position)
from gateway.tasks as task
where task.mission_id = $1 and task.asks
