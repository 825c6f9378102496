select p.mission_id, p.part, r.repository_id, r.full_name, r.installation, p.number
from github.pull_requests p join github.repositories r using (repository_id)
where p.state = 'open' and p.number > 0 and r.connected
order by p.mission_id, p.number
