insert into gateway.phases
select * from json_populate_recordset(null::gateway.phases, $1::text::json)
on conflict (mission_id, name) do update set
    status = excluded.status
