select repository_id, full_name, installation
from github.repositories
where connected
order by repository_id
