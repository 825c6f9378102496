insert into gateway.mission_details
select * from json_populate_recordset(null::gateway.mission_details, $1::text::json)
on conflict (mission_id) do nothing
