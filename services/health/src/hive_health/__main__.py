import sys

from hive_health.main import main

sys.exit(main())
