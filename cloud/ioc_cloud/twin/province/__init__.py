"""The province's own things: seeded, and moved by what boxes report."""
