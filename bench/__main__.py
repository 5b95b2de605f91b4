"""`python -m bench`: every benchmark; so far, provisioning."""

from bench.provision import main

if __name__ == "__main__":
    main()
