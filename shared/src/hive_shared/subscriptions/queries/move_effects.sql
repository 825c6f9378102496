update {schema}.subscriptions
set position = greatest(position, $2), log_id = $3,
    held_until = clock_timestamp() + $5 * interval '1 second'
where name = $1 and holder = $4
returning position
