"""`python -m hive_runner`."""

import sys

from hive_runner.main import main

sys.exit(main())
