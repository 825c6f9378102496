select hive.take_fence($1, $2, $3) as token
