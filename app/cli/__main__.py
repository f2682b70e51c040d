"""`python -m app.cli`, which `./postern` becomes."""

import gc
import sys

gc.disable()  # imports leave no garbage, and looking for it takes a fifth of the start

from app.cli.main import main

gc.freeze()
gc.enable()

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
