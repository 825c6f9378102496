-- Missions whose deadline has passed, the oldest first, as far as the record knows them.
select d.name, d.seconds, extract(epoch from clock_timestamp() - d.due_at)::float8 as late
from health.deadlines d
where d.due_at < clock_timestamp()
    and exists (select from hive.events e where e.stream = d.stream and e.version = 1)
order by d.due_at
limit $1
