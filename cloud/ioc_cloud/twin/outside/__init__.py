"""To and from a real Eclipse Ditto."""
