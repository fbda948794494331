"""`python -m summ_collapse` is the command line."""

import sys

from summ_collapse.cli import main

code = main()
# CPython remembers a KeyboardInterrupt that left code run from a string (libraries make classes that way as they are
# imported) and, under -m, ends by SIGINT for it whatever the exit code; running the next string makes it forget.
exec("")
sys.exit(code)
