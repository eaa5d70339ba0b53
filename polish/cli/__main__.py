"""``python -m polish.cli``."""

from . import main

main()
