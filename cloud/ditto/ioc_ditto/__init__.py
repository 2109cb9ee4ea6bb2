"""A typed client for the HTTP API 2 of Eclipse Ditto, on requests."""
