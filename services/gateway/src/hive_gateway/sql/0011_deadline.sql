-- Seconds from a mission's launch until it is to have succeeded; null without a deadline.
alter table missions add column deadline double precision;
