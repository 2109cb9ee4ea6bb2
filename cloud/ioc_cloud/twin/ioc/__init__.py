"""What the twin answers beside Ditto's API: places, tiles, bulks, the past, series."""
