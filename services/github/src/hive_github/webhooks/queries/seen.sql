select array(select stream from hive.streams where stream = any($1::text[]))
