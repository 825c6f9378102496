-- Health records incidents, and what follows from used-up error budgets: these categories and no
-- other. Of its processes one looks at a time; it holds a fence.

insert into hive.writers values
    ('hive_health', 'incident'),
    ('hive_health', 'policy');

grant select on hive.commands to hive_health;
grant execute on function hive.oldest_command() to hive_health;
grant execute on function hive.append to hive_health;
grant execute on function hive.take_fence, hive.release_fence to hive_health;
