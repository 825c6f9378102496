select stream from {schema}.parked where subscription = $1
