"""Starts `bms.app.control.main` as a program: `python -m bms.app.control`."""

import sys

from bms.app.control.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
