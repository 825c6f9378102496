update {schema}.parked
set tries = tries + $7, error = $4, next_at = clock_timestamp() + $5 * interval '1 second',
    parked_at = case when tries + $7 >= $6 then clock_timestamp() end
where subscription = $1 and stream = $2 and position = $3
returning parked_at is not null
