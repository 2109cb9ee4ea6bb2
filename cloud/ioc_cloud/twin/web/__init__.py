"""Ditto's HTTP API: requests, callers, things, policies, search."""
