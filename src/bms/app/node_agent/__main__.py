"""Starts `bms.app.node_agent.main` as a program: `python -m bms.app.node_agent`."""

import sys

from bms.app.node_agent.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
