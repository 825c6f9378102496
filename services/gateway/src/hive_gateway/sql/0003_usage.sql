-- What the agents of a task used, all its attempts together; null where none told of any.
alter table tasks add column usage json;
