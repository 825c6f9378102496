-- What people did with a mission's work: the last landing, and the release; null where they did not.
alter table missions add column landed json, add column released json;
