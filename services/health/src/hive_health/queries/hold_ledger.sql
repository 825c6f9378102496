update health.ledger
set holder = $1, held_until = clock_timestamp() + make_interval(secs => $2)
where holder = $1 or held_until < clock_timestamp()
returning position, log_id
