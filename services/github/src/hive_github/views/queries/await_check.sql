insert into github.awaited_checks (task_id, gate, mission_id, check_name, commit_id)
values ($1, $2, $3, $4, $5) on conflict do nothing
