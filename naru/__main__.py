"""`python -m naru` is the `naru` command."""

from naru.cli import main

main()
