"""The gateway: the one door. gRPC, HTTP health, authentication, artifacts and read models."""
