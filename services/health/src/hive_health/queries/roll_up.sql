with old as (
    delete from health.counts
    where minute < clock_timestamp() - interval '4 days' and minute <> date_trunc('hour', minute)
    returning series, minute, value
),
gone as (
    delete from health.counts where minute < clock_timestamp() - interval '100 days'
)
insert into health.counts as known (series, minute, value)
select series, date_trunc('hour', minute), sum(value) from old group by 1, 2
on conflict (series, minute) do update set value = known.value + excluded.value
