"""`python -m timeoff` is the `timeoff` command."""

import sys

from timeoff.cli import main

sys.exit(main())
