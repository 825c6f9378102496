-- The mission that a command launched.
select to_json(mission)
from gateway.mission_details as detail
join gateway.missions as mission using (mission_id)
where detail.command_id = $1
