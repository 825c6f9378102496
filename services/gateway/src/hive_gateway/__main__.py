import sys

from hive_gateway.main import main

sys.exit(main())
