insert into gateway.tasks
select * from json_populate_recordset(null::gateway.tasks, $1::text::json)
on conflict (task_id) do update set
    status = excluded.status,
    epoch = excluded.epoch,
    attempt = excluded.attempt,
    counted = excluded.counted,
    step = excluded.step,
    runner_id = excluded.runner_id,
    failure = excluded.failure,
    gates = excluded.gates,
    result = excluded.result,
    approvals = excluded.approvals,
    asks = excluded.asks,
    merged = excluded.merged,
    changed_at = excluded.changed_at
