"""`python -m summ_collapse` is the command line."""

import sys

from summ_collapse.cli import main

sys.exit(main())
