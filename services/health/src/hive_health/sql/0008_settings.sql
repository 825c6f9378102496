-- A digest of what the attempt's profile ran and might do. Empty where its runner did not tell it.
alter table attempts add column settings text not null default '';
