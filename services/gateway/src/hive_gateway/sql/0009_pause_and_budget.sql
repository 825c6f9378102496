-- Why a mission is paused, and where its budget stands; null while it is not, and without one.
alter table missions add column pause json, add column purse json;
