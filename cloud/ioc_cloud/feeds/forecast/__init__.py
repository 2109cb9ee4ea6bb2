"""What a figure will be, and whether what came is out of the ordinary."""
