-- Missions that events of these types between two positions belong to, by their short names.
select launched.data ->> 'name' as name
from (
    select distinct meta ->> 'correlation' as id from hive.events
    where position > $1 and position <= $2 and category in ('mission', 'task')
        and type = any($3::text[])
) as touched
join hive.events launched on launched.stream = 'mission-' || touched.id and launched.version = 1
order by 1
