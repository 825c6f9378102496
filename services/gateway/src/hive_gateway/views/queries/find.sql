-- A mission's summary by id or short name.
select to_json(mission)
from gateway.missions as mission
where mission.mission_id = $1 or mission.name = $1
order by mission.position desc
limit 1
