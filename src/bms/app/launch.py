"""Starts a long-lived program of the platform: `python -m bms.app.launch PACKAGE CONFIG.json` runs `main` of the
package's `main`.

Garbage collection is off while modules are imported, which took a sixth of control's start, and imported objects are
frozen, so that later collections do not visit them.
"""

import gc
import importlib
import sys


def main(argv: list[str]) -> int:
    gc.disable()
    module = importlib.import_module(f"{argv[1]}.main")
    gc.freeze()
    gc.enable()
    return int(module.main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv))
