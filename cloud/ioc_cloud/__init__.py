"""The operations centre: ingest, events, wall."""
