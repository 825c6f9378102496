select distinct p.mission_id
from github.pull_requests p join github.repositories r using (repository_id)
where p.merging and p.state = 'open' and r.connected and ($1 = '' or p.pushed = $1)
