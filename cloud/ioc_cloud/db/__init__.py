"""The database: migrations, connections, and every statement that other parts run."""
