"""What a wall shows: cameras, communes, counts, and the live line."""
