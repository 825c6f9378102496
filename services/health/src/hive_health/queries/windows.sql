select series, length, sum(value) as value
from health.counts, unnest($1::int[]) as length
where minute > date_trunc('minute', clock_timestamp()) - make_interval(secs => length)
group by series, length
