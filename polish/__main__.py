"""``python -m polish``."""

from .cli import main

main()
