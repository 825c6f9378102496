select full_name from github.repositories where installation = $1 order by repository_id
