-- When the artifact $1 was deleted.
select deleted_at from gateway.deleted_artifacts where digest = $1
