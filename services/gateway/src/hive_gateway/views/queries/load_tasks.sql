select json_agg(row)
from gateway.tasks as row
where row.task_id = any($1::text[])
