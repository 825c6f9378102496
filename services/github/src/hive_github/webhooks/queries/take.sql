select github.take_delivery($1, $2, $3, $4, $5, $6)
