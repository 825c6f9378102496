-- Who has a task that was taken over, and what they start from; null where nobody has.
alter table tasks add column taken json;
