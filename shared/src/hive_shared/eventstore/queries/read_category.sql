select position, stream, version, id, type, data, meta, recorded_at
from hive.events where category = $1 and position > $2
order by position limit $3
