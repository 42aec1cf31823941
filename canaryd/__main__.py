"""`python -m canaryd` is `canaryd`."""

from canaryd.cli.main import main

if __name__ == "__main__":
    main()
