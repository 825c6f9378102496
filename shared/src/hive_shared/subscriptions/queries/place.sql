select s.position, s.stopped,
    (select l.id from hive.log_ids l order by l.number desc limit 1) as log_id
from {schema}.subscriptions s where s.name = $1
