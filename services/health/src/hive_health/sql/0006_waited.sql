-- How long a task waited for a runner before an attempt: from when it might be leased until it was.
-- Null where nobody knows, and where its mission was paused meanwhile.
alter table attempts add column waited double precision;
