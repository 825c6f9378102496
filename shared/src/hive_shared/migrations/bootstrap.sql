-- Who exists, and who owns which schema. Run before every migration, so each line may run again.
-- Roles belong to the whole server: another database may be creating the same ones right now.
do $$
declare
    service text;
begin
    begin
        create role hive_owner nologin;
    exception when duplicate_object or unique_violation then null;
    end;
    foreach service in array array['orchestrator', 'gateway', 'github', 'health', 'relay'] loop
        begin
            -- No password, so no way in until the operator (or `hive up`) sets one.
            execute format('create role %I login', 'hive_' || service);
        exception when duplicate_object or unique_violation then null;
        end;
    end loop;
    create schema if not exists hive authorization hive_owner;
    foreach service in array array['orchestrator', 'gateway', 'github', 'health'] loop
        execute format('create schema if not exists %I authorization %I', service, 'hive_' || service);
    end loop;
end
$$;

-- The record of what was applied belongs to the administrator: no service can say that it ran.
create table if not exists hive.migrations (
    schema text not null,
    number integer not null,
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default clock_timestamp(),
    primary key (schema, number)
);
