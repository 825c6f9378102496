select position, stream, version, id, type, data, meta, recorded_at
from hive.events where stream = $1 and version > $2
order by version limit $3
