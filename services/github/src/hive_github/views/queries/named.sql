select mission from github.pull_requests where mission_id = $1 and mission <> '' limit 1
