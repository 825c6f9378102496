select pg_is_in_recovery() as standby,
    coalesce((select e.position from hive.events e order by e.position desc limit 1), 0) as position,
    (select l.id from hive.log_ids l order by l.number desc limit 1) as log_id,
    (select e.id from hive.events e where e.position = $1) as event_id
