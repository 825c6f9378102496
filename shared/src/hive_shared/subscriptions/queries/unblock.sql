delete from {schema}.parked where subscription = $1 and stream = $2
