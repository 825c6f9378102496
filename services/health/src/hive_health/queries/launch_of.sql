-- The launch of the mission of whose task an event is.
select launch.position
from hive.events ended
join hive.events planned on planned.stream = ended.stream and planned.version = 1
join hive.events launch
    on launch.stream = 'mission-' || (planned.data ->> 'mission_id') and launch.version = 1
where ended.position = $1
