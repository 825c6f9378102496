select mission_id, part from github.pull_requests where repository_id = $1 and number = $2
