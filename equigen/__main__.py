"""`python -m equigen` is the command `equigen`; so `torchrun -m equigen train …` works."""

import sys

from equigen.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
