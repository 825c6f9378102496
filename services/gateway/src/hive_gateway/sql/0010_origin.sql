-- The issue on GitHub that a mission was launched for; null without one.
alter table mission_details add column origin json;
