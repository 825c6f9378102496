select mission, repository_id, number, state, pushed, merging
from github.pull_requests where mission_id = $1 and part = $2
