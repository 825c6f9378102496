-- The newest mission of an agent type that has not ended.
select to_json(mission)
from gateway.missions as mission
where agent_type = $1 and ended_at is null
order by position desc
limit 1
