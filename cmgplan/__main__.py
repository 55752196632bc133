"""``python -m cmgplan``."""

from cmgplan.cli import main

if __name__ == "__main__":
    main()
