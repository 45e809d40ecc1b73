"""Starts `bms.app.job.main` as a program: `python -m bms.app.job`."""

from bms.app.job.main import main

if __name__ == "__main__":
    main()
