-- What was done between two positions, as (kind, minute, label, amount, how many). Each event is
-- looked at once. The minutes of tasks are counted by `minutes.py`.
with batch as (
    select stream, version, type, data, recorded_at, date_trunc('minute', recorded_at) as minute
    from hive.events
    where position > $1 and position <= $2 and category in ('mission', 'task')
),
kinds as (
    select b.minute, b.type, b.data, first.data ->> 'kind' as kind
    from batch b
    join hive.events first on first.stream = b.stream and first.version = 1
    where b.type in ('TaskSucceeded', 'AttemptFailed', 'TaskReopened')
)
select 'mission' as kind, b.minute,
    case when b.type = 'MissionSucceeded' and took.seconds > (launch.data ->> 'deadline')::float8
        then 'late' else b.type end as label,
    took.seconds as amount, 1::bigint as many
from batch b
join hive.events launch on launch.stream = b.stream and launch.version = 1
cross join lateral (
    select extract(epoch from b.recorded_at - launch.recorded_at)::float8 as seconds
) as took
where b.type in ('MissionSucceeded', 'MissionFailed', 'MissionRefused', 'MissionCancelled')
    -- What came back of its pull request makes no second mission of it.
    and not exists (
        select from hive.events again
        where again.stream = b.stream and again.type = 'MissionRevised'
            and again.version < b.version
    )
union all
select 'work', minute,
    case when type = 'AttemptFailed' then data -> 'failure' ->> 'kind' else type end, 0, count(*)
from kinds where kind = 'work' group by 2, 3
union all
select 'change', b.minute, '', cost.usd, 1
from batch b
cross join lateral (
    select case when bool_or(coalesce((usage ->> 'unpriced')::int, 0) > 0) then null
        else sum(coalesce((usage ->> 'billed_usd')::float8, 0)
            + coalesce((usage ->> 'estimated_usd')::float8, 0)) end as usd
    from (
        select coalesce(e.data -> 'result', e.data -> 'failure') -> 'agent' -> 'usage' as usage
        from hive.events e
        where e.stream = 'task-' || (b.data ->> 'task_id')
            and e.type in ('AttemptSucceeded', 'AttemptFailed')
    ) as attempts
    where usage is not null
) as cost
where b.type = 'BranchAdvanced'
