"""Starts `bms.app.gateway.main` as a program: `python -m bms.app.gateway`."""

import sys

from bms.app.gateway.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
