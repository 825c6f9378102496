-- The next $3 digests after $2 of which every mission that names them is done with: it ended, and
-- what became of its work was decided, $1 days ago or more. Decided is what was released, what was
-- landed as it ended with nothing left beside it, and what made no work.
select ref.digest
from gateway.artifact_refs as ref
left join gateway.missions as mission using (mission_id)
where ref.digest > $2
group by ref.digest
having bool_and(coalesce(
    greatest(
        mission.ended_at,
        (mission.landed ->> 'at')::timestamptz,
        (mission.released ->> 'at')::timestamptz
    ) < now() - make_interval(secs => $1::double precision * 86400)
    and (
        mission.released is not null
        or (
            (
                coalesce(mission.tip ->> 'chain', '') = ''
                or mission.landed ->> 'commit' = mission.tip ->> 'commit'
            )
            and not exists (
                select from gateway.tasks as task
                where task.mission_id = mission.mission_id
                    and not task.merged
                    and coalesce(task.result ->> 'commit', '') <> ''
            )
        )
    ),
    false
))
order by ref.digest
limit $3
