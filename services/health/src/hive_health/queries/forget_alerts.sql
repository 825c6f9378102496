delete from health.alerts
where ended_at < clock_timestamp() - interval '1 day'
    or told_at < clock_timestamp() - make_interval(secs => $1) - interval '1 day'
