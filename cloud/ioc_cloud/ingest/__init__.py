"""From the broker to committed rows, and back to the box with the word that they are."""
