-- The digests $1 are deleted.
with forgotten as (delete from gateway.artifact_refs where digest = any($1::text[]))
insert into gateway.deleted_artifacts (digest, deleted_at)
select digest, now() from unnest($1::text[]) as digest
on conflict (digest) do update set deleted_at = excluded.deleted_at
