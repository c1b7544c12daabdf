"""`python -m chainflow` is the shell command."""

from chainflow.cli import main

if __name__ == "__main__":
    main()
