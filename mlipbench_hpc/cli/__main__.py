"""`python -m mlipbench_hpc.cli`."""

import sys

from mlipbench_hpc.cli import main

if __name__ == "__main__":
    sys.exit(main())
