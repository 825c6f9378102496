select json_agg(row)
from gateway.phases as row
where row.mission_id = any($1::text[])
