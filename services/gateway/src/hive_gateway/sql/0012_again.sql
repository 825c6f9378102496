-- The mission that does a mission's failed tasks again; empty where none does.
alter table missions add column again_as text not null default '';
