insert into {schema}.parked_waiting (subscription, stream, position) values ($1, $2, $3)
on conflict do nothing
