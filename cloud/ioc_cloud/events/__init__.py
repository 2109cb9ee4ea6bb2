"""Events: decoding at the door, search and display."""
