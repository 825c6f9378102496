select stream, position, tries from {schema}.parked
where subscription = $1 and parked_at is null and next_at <= clock_timestamp()
order by next_at limit 20
