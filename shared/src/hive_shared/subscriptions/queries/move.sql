update {schema}.subscriptions set position = $2, log_id = $3, stopped = '' where name = $1
