"""`python -m logd` is the command `logd`."""

import sys

from logd.cli.main import main

sys.exit(main())
