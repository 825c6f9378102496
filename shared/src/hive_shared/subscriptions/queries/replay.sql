update {schema}.parked set tries = 0, parked_at = null, next_at = clock_timestamp()
where subscription = $1 and stream = $2
