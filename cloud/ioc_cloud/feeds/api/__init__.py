"""Feeds over HTTP: figures and contracts, scores, deliveries, alerts."""
