-- The launches of the missions of whose tasks these events are.
select ended.position as ended, launch.position,
    (extract(epoch from launch.recorded_at) * 1000)::bigint as at_ms
from hive.events ended
join hive.events planned on planned.stream = ended.stream and planned.version = 1
join hive.events launch
    on launch.stream = 'mission-' || (planned.data ->> 'mission_id') and launch.version = 1
where ended.position = any($1::bigint[])
