"""Running the whole product on one machine: state folder, database, broker, supervisor."""
