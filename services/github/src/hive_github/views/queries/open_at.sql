select mission_id, part, mission from github.pull_requests
where repository_id = $1 and state = 'open' and number > 0
order by mission_id, number
