insert into github.repositories as r (repository_id, full_name, installation, connected)
values ($1, $2, $3, $4)
on conflict (repository_id) do update
set full_name = excluded.full_name, installation = excluded.installation,
    connected = excluded.connected
