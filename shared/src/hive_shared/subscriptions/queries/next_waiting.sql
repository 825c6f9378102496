with head as (
    select position from {schema}.parked_waiting
    where subscription = $1 and stream = $2 order by position limit 1
), taken as (
    delete from {schema}.parked_waiting w using head
    where w.subscription = $1 and w.stream = $2 and w.position = head.position
)
update {schema}.parked p
set position = head.position, tries = 0, error = '', parked_at = null, next_at = clock_timestamp(),
    event_type = (select e.type from hive.events e where e.position = head.position)
from head where p.subscription = $1 and p.stream = $2
returning p.position
