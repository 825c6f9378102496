select full_name, installation, connected from github.repositories where repository_id = $1
