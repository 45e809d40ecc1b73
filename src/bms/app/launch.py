"""Starts a long-lived program of the platform: `python -m bms.app.launch PACKAGE CONFIG.json` runs `main` of the
package's `main`.

Imports leave no garbage: nobody looks for any meanwhile, which took a sixth of control's start, and what was imported
is not looked through again later.
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
