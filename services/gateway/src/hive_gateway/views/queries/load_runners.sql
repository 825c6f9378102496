select json_agg(row)
from gateway.runners as row
where row.runner_id = any($1::text[])
