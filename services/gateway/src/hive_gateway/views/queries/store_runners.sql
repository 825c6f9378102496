insert into gateway.runners
select * from json_populate_recordset(null::gateway.runners, $1::text::json)
on conflict (runner_id) do update set
    name = excluded.name,
    session_id = excluded.session_id,
    status = excluded.status,
    slots = excluded.slots,
    agents = excluded.agents,
    changed_at = excluded.changed_at
