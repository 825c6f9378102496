-- The github service records what it learns of GitHub, and what it did there: these categories and
-- no other. Whatever happens to a mission it asks the orchestrator for.

insert into hive.writers values
    ('hive_github', 'repository'),
    ('hive_github', 'pull_request'),
    ('hive_github', 'delivery');

grant select on hive.commands to hive_github;
grant execute on function hive.oldest_command() to hive_github;
grant execute on function hive.append to hive_github;
