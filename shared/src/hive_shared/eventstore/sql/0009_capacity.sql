-- Health records how many runners are wanted: this category and no other. Of several processes of
-- health one counts, the one that holds the fence.

insert into hive.writers values ('hive_health', 'capacity');

grant select on hive.commands to hive_health;
grant execute on function hive.oldest_command() to hive_health;
grant execute on function hive.append to hive_health;
grant execute on function hive.take_fence, hive.release_fence to hive_health;
