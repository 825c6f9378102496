-- What the agent of a task asked last; null where it never asked.
alter table tasks add column question json;
