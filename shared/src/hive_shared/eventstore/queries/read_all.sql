select position, stream, version, id, type, data, meta, recorded_at
from hive.events where position > $1
order by position limit $2
