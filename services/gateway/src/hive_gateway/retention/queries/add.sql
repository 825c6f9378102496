-- Digests $1 that the missions $2 name, read up to position $3.
with added as (
    insert into gateway.artifact_refs (digest, mission_id)
    select * from unnest($1::text[], $2::text[])
    on conflict do nothing
)
update gateway.artifact_index set position = $3
