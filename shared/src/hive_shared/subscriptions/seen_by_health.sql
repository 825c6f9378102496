-- Health looks at where subscriptions stand. Each service that has any carries this file, byte for
-- byte, among its migrations.
do $$
begin
    execute format('grant usage on schema %I to hive_health', current_schema());
end
$$;
grant select on subscriptions, parked, parked_waiting to hive_health;
