"""`python -m app.cli`, which `./postern` becomes."""

import sys

from app.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
