select body from github.deliveries where guid = $1
