"""Real servers for tests: a PostgreSQL cluster and a Mosquitto of their own."""
