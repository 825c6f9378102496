-- Another text whenever anything was told since.
select concat_ws(' ', count(*), max(told_at)) from health.alerts
