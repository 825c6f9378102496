-- What the github service shows as checks on GitHub, and which of their buttons were pressed.

insert into hive.writers values ('hive_github', 'check');
