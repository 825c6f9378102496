-- What moved tasks between two positions, in order, as (stream, type, at, mission, agent, detail):
-- `at` in seconds since 1970, `detail` what of the event decides how its minutes count.
select e.stream, e.type, extract(epoch from e.recorded_at)::float8 as at,
    case when e.category = 'mission' then substr(e.stream, 9)
        else coalesce(planned.data ->> 'mission_id', '') end as mission,
    coalesce(planned.data ->> 'kind' = 'work' and planned.data -> 'spec' ->> 'agent' <> '', false)
        as agent,
    case e.type
        when 'AttemptFailed' then e.data -> 'failure' ->> 'kind'
        when 'LeaseLost' then coalesce(e.data ->> 'fault', '')
        when 'TaskGiven' then case when (e.data ->> 'done')::boolean then 'done' else '' end
        when 'QuestionAsked' then case when e.data ->> 'work' is null then 'at work' else '' end
        else case when e.category = 'policy' and (
            (e.data -> 'demanded' ->> 'slots_share')::float8 < 1
            or (e.data -> 'demanded' ->> 'slots_most')::int > 0
        ) then 'fewer slots' else '' end
    end as detail
from hive.events e
left join hive.events planned
    on e.category = 'task' and planned.stream = e.stream and planned.version = 1
where e.position > $1 and e.position <= $2 and e.type = any($3::text[])
order by e.position
