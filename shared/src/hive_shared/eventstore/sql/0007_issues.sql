-- The github service records what people ask for on GitHub's issues.

insert into hive.writers values ('hive_github', 'issue');
