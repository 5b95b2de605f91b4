"""The images' health check: asks this container's /healthz. `healthcheck.py <variable with the port> <default>`."""

import http.client
import os
import sys


def main(variable: str, default: str) -> int:
    """0 when the process answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get(variable) or default), timeout=4)
    try:
        connection.request("GET", "/healthz")
        return int(connection.getresponse().status != http.HTTPStatus.OK)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
