"""The domains' feeds: contracts, delivery, scores, deadlines."""
