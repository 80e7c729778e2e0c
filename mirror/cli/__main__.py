"""`python -m mirror.cli`."""

from mirror.cli import main

main()
