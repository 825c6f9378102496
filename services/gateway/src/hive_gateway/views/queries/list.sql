-- Missions, newest first: those launched before position $2, of any status in $1 (none: all).
select
    (select position from gateway.subscriptions where name = 'views') as position,
    (
        select json_agg(mission order by mission.position desc)
        from (
            select *
            from gateway.missions
            where position < $2 and (cardinality($1::text[]) = 0 or status = any($1::text[]))
            order by position desc
            limit $3
        ) as mission
    ) as missions
