select e.recorded_at < clock_timestamp() - $2 * interval '1 second'
from hive.events e where e.position = $1
