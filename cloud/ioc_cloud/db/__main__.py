"""`python -m ioc_cloud.db migrate`: bring the database to this version's schema."""

import sys

from ioc_cloud.db.migrate import migrate
from ioc_cloud.settings import Settings


def main(arguments: list[str]) -> int:
    """Exit code 0 when the schema is current, 2 for a wrong command line."""
    if arguments != ["migrate"]:
        sys.stderr.write("cách dùng / usage: python -m ioc_cloud.db migrate\n")
        return 2
    tier = migrate(Settings().database_url)
    sys.stdout.write(f"{tier}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
