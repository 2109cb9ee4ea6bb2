"""The province's systems, played from the feeds' contracts: figures, services and their faults."""
