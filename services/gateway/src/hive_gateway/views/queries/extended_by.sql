-- The mission that a command added phases to.
select to_json(mission)
from gateway.phases as phase
join gateway.missions as mission using (mission_id)
where phase.command_id = $1
limit 1
