select name, labels::text, text, severity, since_ms from health.alerts
where ended_at is null and told_at > clock_timestamp() - make_interval(secs => $1)
