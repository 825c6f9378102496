update health.ledger set position = $2, log_id = $3
where holder = $1 and held_until > clock_timestamp()
returning position
