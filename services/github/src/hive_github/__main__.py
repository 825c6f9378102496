import sys

from hive_github.main import main

sys.exit(main())
