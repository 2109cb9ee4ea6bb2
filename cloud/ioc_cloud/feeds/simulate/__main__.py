"""`python -m ioc_cloud.feeds.simulate`: the province's systems, simulated."""

import sys

from ioc_cloud.feeds.simulate.serve import main

if __name__ == "__main__":
    sys.exit(main())
