-- Missions with a deadline that were launched between two positions.
insert into health.deadlines (stream, name, seconds, due_at)
select stream, data ->> 'name', (data ->> 'deadline')::float8,
    recorded_at + make_interval(secs => (data ->> 'deadline')::float8)
from hive.events
where position > $1 and position <= $2 and category = 'mission' and type = 'MissionLaunched'
    and (data ->> 'deadline')::float8 > 0
on conflict do nothing
