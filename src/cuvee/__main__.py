"""`python -m cuvee`."""

import sys

from cuvee.cli import main

sys.exit(main())
