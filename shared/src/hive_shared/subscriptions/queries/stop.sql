update {schema}.subscriptions set stopped = $3 where name = $1 and position = $2
