-- What lies between two positions, by type.
select type, count(*) as many, min(recorded_at) as first, max(recorded_at) as last,
    min(position) as at
from hive.events
where position > $1 and position <= $2 and type = any($3::text[])
group by type order by min(position)
