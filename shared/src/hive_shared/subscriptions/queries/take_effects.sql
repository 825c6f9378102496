update {schema}.subscriptions
set holder = $2, held_until = clock_timestamp() + $3 * interval '1 second'
where name = $1 and (holder = $2 or held_until < clock_timestamp())
returning position
