insert into {schema}.parked
    (subscription, stream, position, event_type, tries, error, next_at)
values ($1, $2, $3, $4, $7, $5, clock_timestamp() + $6 * interval '1 second')
