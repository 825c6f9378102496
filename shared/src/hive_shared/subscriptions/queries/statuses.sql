select name, position, stopped from {schema}.subscriptions order by name
