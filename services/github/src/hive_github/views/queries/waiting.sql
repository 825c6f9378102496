select a.task_id, a.gate, a.mission_id, a.check_name, a.commit_id, r.full_name, r.installation
from github.awaited_checks a
join github.pull_requests p on p.mission_id = a.mission_id and p.pushed = a.commit_id
join github.repositories r using (repository_id)
where r.connected and ($1 = '' or a.commit_id = $1)
