select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = 'parked_waiting' and c.relkind = 'r' and has_schema_privilege(n.oid, 'usage')
    and has_table_privilege(c.oid, 'select')
order by 1
