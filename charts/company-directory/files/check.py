"""What `helm test` runs: asks the operator, the platform and the pooled fleet whether they work. No library needed."""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 3.0


class NotYet(Exception):
    """Why a check does not hold now."""


def operator() -> str:
    """The operator sweeps all tenants again and again; one that hangs stops doing so."""
    interval = float(os.environ["SWEEP_INTERVAL_SECONDS"])
    metrics = dict(line.rsplit(" ", 1) for line in _get(os.environ["OPERATOR_METRICS"]).splitlines() if line[0] != "#")
    age = time.time() - float(metrics["directory_last_sweep_timestamp_seconds"])
    if age > 2 * interval + 30:
        raise NotYet(
            f"the operator's last sweep began {age:.0f} s ago, and one should every {interval:.0f}: see its log"
        )
    return f"the operator answers, and began its last sweep {age:.0f} s ago"


def platform() -> str:
    """Every backend answers, and the database has the operator's schema."""
    name = os.environ["PLATFORM"]
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    found = json.loads(
        _get(
            f"https://{address}/apis/companydirectory.io/v1beta1/directoryplatforms/{name}",
            {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}"},
            ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt")),
        )
    )
    conditions = {each["type"]: each for each in found.get("status", {}).get("conditions", [])}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "the operator has not looked at it yet"})
    if ready["status"] != "True":
        raise NotYet(f"DirectoryPlatform {name} is not ready: {ready['message']}")
    return f"DirectoryPlatform {name} is ready: {', '.join(sorted(set(conditions) - {'Ready'}))}"


def pool() -> str:
    """The fleet's Service leads to a pod whose login row-level security binds."""
    _get(os.environ["POOL_READYZ"])
    return "the pooled fleet is ready behind its Service"


CHECKS: dict[str, Callable[[], str]] = {"OPERATOR_METRICS": operator, "PLATFORM": platform, "POOL_READYZ": pool}
"""Each by the variable that calls for it."""


def _get(url: str, headers: dict[str, str] | None = None, trust: ssl.SSLContext | None = None) -> str:
    request = urllib.request.Request(url, headers=headers or {})  # noqa: S310 - addresses come from the chart
    try:
        with urllib.request.urlopen(request, timeout=10, context=trust) as answer:  # noqa: S310
            text: str = answer.read().decode()
            return text
    except urllib.error.HTTPError as error:
        raise NotYet(f"{url} answered {error.code}: {error.read().decode(errors='replace')[:500]}") from None
    except OSError as error:
        raise NotYet(f"{url} can't be reached: {error}") from None


def outcome(check: Callable[[], str], deadline: float) -> tuple[bool, str]:
    """Whether it held before the deadline, and what it last said."""
    while True:
        try:
            return True, check()
        except NotYet as problem:
            if time.monotonic() > deadline:
                return False, str(problem)
        time.sleep(PAUSE_SECONDS)


def main() -> None:
    """Run what the environment calls for; exit with 1 when one does not hold in time."""
    deadline = time.monotonic() + float(os.environ.get("PATIENCE_SECONDS", PATIENCE_SECONDS))
    outcomes = [outcome(check, deadline) for variable, check in CHECKS.items() if os.environ.get(variable)]
    for good, said in outcomes:
        sys.stdout.write(f"{'ok    ' if good else 'FAILED'} {said}\n")
    sys.exit(0 if all(good for good, _ in outcomes) else 1)


if __name__ == "__main__":
    main()
