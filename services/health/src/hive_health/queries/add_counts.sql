with added as (
    select * from unnest($1::text[], $2::timestamptz[], $3::float8[]) as new (series, minute, value)
),
counted as (
    insert into health.counts as known (series, minute, value) select * from added
    on conflict (series, minute) do update set value = known.value + excluded.value
)
insert into health.totals as known (series, value)
select series, sum(value) from added group by series
on conflict (series) do update set value = known.value + excluded.value
