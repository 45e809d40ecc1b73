"""Starts `bms.app.model_server.main` as a program: `python -m bms.app.model_server`."""

import sys

from bms.app.model_server.main import main

if __name__ == "__main__":
    sys.exit(main())
