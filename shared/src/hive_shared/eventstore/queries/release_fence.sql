select hive.release_fence($1, $2)
