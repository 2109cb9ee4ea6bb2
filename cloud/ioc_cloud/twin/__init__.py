"""The twin: a declared profile of Eclipse Ditto's HTTP API 2 on PostgreSQL."""
