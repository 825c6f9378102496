insert into gateway.missions
select * from json_populate_recordset(null::gateway.missions, $1::text::json)
on conflict (mission_id) do update set
    status = excluded.status,
    reason = excluded.reason,
    ended_at = excluded.ended_at,
    tasks = excluded.tasks,
    tasks_done = excluded.tasks_done,
    pending = excluded.pending,
    unmet = excluded.unmet,
    tip = excluded.tip
