update {schema}.subscriptions set held_until = '-infinity' where name = $1 and holder = $2
