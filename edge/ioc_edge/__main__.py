"""`python -m ioc_edge`."""

import sys

from ioc_edge.main import main

sys.exit(main())
