import sys

from hive_orchestrator.main import main

sys.exit(main())
