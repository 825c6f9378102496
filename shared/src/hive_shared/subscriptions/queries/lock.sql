select s.position,
    (select l.id from hive.log_ids l order by l.number desc limit 1) as log_id,
    (select e.id from hive.events e where e.position = $2) as event_id
from {schema}.subscriptions s where s.name = $1
for update of s
