select coalesce((select position from hive.events order by position desc limit 1), 0) as position,
    (select id from hive.log_ids order by number desc limit 1) as log_id
