delete from github.awaited_checks where task_id = $1
