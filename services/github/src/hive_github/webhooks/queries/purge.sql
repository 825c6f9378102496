with old as (
    delete from github.deliveries where guid in (
        select guid from github.deliveries
        where worked_at < clock_timestamp() - $1 * interval '1 day'
        order by worked_at limit $2)
    returning 1)
select count(*)::int from old
