update github.deliveries set worked_at = coalesce(worked_at, clock_timestamp()) where guid = $1
returning 1
