-- Notes the attempts of agents that ended between two positions, for baselines ($3 is the release).
insert into health.attempts (
    position, ended_at, mission, phase, profile, model, prompt, gates, repository, version, outcome,
    seconds, usd, tokens, waited, settings
)
with ended as (
    select e.position, e.stream, e.version, e.type, e.data, e.recorded_at, planned.data as planned,
        case when e.type = 'TaskSucceeded' then 'succeeded'
            else e.data -> 'failure' ->> 'kind' end as outcome
    from hive.events e
    join hive.events planned on planned.stream = e.stream and planned.version = 1
    where e.position > $1 and e.position <= $2 and e.category = 'task'
        and e.type in ('TaskSucceeded', 'AttemptFailed')
        and planned.data ->> 'kind' = 'work' and planned.data -> 'spec' ->> 'agent' <> ''
)
select ended.position, ended.recorded_at, launch.data ->> 'series', ended.planned ->> 'phase',
    ended.planned -> 'spec' ->> 'agent', coalesce(leased.model, ended.planned -> 'spec' ->> 'model', ''),
    left(md5(coalesce(
        defined.phase -> 'for_each' -> 'template' ->> 'prompt',
        ended.planned -> 'spec' ->> 'prompt', ''
    )), 8),
    left(md5(coalesce(ended.planned -> 'spec' ->> 'gates', '')), 8),
    coalesce(ended.planned -> 'repository' ->> 'url', ''), $3, ended.outcome,
    extract(epoch from turn.recorded_at - began.recorded_at)::float8,
    case when coalesce((turn.usage ->> 'unpriced')::int, 0) = 0 and turn.usage is not null
        then coalesce((turn.usage ->> 'billed_usd')::float8, 0)
            + coalesce((turn.usage ->> 'estimated_usd')::float8, 0) end,
    case when turn.usage is not null
        then coalesce((turn.usage ->> 'input_tokens')::bigint, 0)
            + coalesce((turn.usage ->> 'output_tokens')::bigint, 0) end,
    waiting.seconds, coalesce(turn.settings, '')
from ended
join hive.events launch
    on launch.stream = 'mission-' || (ended.planned ->> 'mission_id') and launch.version = 1
-- The agent's turn: it failed, or it was done before its gates failed or passed.
cross join lateral (
    select e.recorded_at, e.version, e.data ->> 'epoch' as epoch,
        coalesce(e.data -> 'result', e.data -> 'failure') -> 'agent' -> 'usage' as usage,
        coalesce(e.data -> 'result', e.data -> 'failure') -> 'agent' ->> 'settings' as settings
    from hive.events e
    where e.stream = ended.stream and e.version <= ended.version
        and (
            (e.version = ended.version and ended.outcome not in ('succeeded', 'gate'))
            or (e.type = 'AttemptSucceeded' and e.data -> 'result' ->> 'type' = 'work')
        )
    order by e.version desc limit 1
) as turn
cross join lateral (
    select e.recorded_at from hive.events e
    where e.stream = ended.stream and e.version < turn.version and e.type = 'AttemptStarted'
        and e.data ->> 'epoch' = turn.epoch
    order by e.version desc limit 1
) as began
-- The policy may have pinned another model than the mission's.
left join lateral (
    select e.data ->> 'model' as model, e.version, e.recorded_at from hive.events e
    where e.stream = ended.stream and e.version < turn.version and e.type = 'TaskLeased'
        and e.data ->> 'epoch' = turn.epoch
    order by e.version desc limit 1
) as leased on true
-- From when it might be leased; a pause of its mission is nobody's wait for a runner.
left join lateral (
    select extract(epoch from leased.recorded_at - ready.recorded_at)::float8 as seconds
    from (
        select e.recorded_at from hive.events e
        where e.stream = ended.stream and e.version < leased.version
            and e.type in (
                'TaskPlanned', 'TaskRequeued', 'TaskReopened', 'TaskGiven', 'QuestionAnswered',
                'LeaseLost', 'LeaseWithdrawn'
            )
        order by e.version desc limit 1
    ) as ready
    where not exists (
        select from hive.events paused
        where paused.stream = launch.stream and paused.type in ('MissionPaused', 'MissionResumed')
            and paused.recorded_at between ready.recorded_at and leased.recorded_at
    )
) as waiting on true
left join lateral (
    select e.data -> 'phase' as phase from hive.events e
    where e.stream = launch.stream and e.type = 'PhaseDefined'
        and e.data -> 'phase' ->> 'name' = ended.planned ->> 'phase'
    order by e.version limit 1
) as defined on true
where ended.outcome not in ('infrastructure', 'limit', 'budget', 'conflict')
on conflict do nothing
