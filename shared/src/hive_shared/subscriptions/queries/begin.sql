insert into {schema}.subscriptions (name) values ($1) on conflict do nothing
