select p.subscription, p.stream, p.position, p.event_type, p.tries, p.error, p.parked_at,
    (select array_agg(w.position order by w.position) from {schema}.parked_waiting w
        where w.subscription = p.subscription and w.stream = p.stream) as waiting
from {schema}.parked p
where ($1 = '' or p.subscription = $1) and ($2 = '' or p.stream = $2)
order by p.subscription, p.position
