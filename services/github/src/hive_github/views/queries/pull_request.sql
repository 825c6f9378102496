insert into github.pull_requests as p
    (mission_id, part, mission, repository_id, number, state, pushed, merging)
values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (mission_id, part) do update
set mission = excluded.mission, repository_id = excluded.repository_id,
    number = excluded.number, state = excluded.state, pushed = excluded.pushed,
    merging = excluded.merging
