select repository_id from github.repositories where installation = $1 and connected
