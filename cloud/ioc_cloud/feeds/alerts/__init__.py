"""Alerts and tasks: found in figures, handled by people, step by step."""
