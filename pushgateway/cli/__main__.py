"""`python -m pushgateway.cli`: the same command where the script is not on the path."""

from pushgateway.cli import main

if __name__ == "__main__":
    main()
