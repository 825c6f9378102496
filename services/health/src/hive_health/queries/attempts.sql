select ended_at, mission, phase, profile, model, prompt, gates, repository, version, outcome,
    seconds, usd, tokens, position, waited, settings
from health.attempts
where ended_at > clock_timestamp() - make_interval(days => $1)
order by position desc
limit $2
