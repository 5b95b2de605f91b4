"""Imports go the way the architecture says; a broken contract is explained in words. They are in pyproject.toml."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.house.source import REPOSITORY

HOME = "Each driver is spoken to in one module a side: add what you need there, in the domain's words, and call that."

REMEDIES = {
    "contract": "What both sides agree on loads anywhere: keep it to names and pure functions of the standard library.",
    "sides": "If operator and API, or the local platform, need the same, directory_contract is where agreements live.",
    "layers": "Something low asks something high. Pass it in as an argument where wiring.py constructs the object.",
    "loop": "The loop uses the verbs of systems/protocol.py only: give it a verb there, or a row in steps.py.",
    "systems": "Systems meet in Tenant: the earlier one puts there (`enrich`) what the later one needs; names that "
    "several use are in children.py.",
    "decisions": "Deciding is pure: do the I/O in the package's system.py, and hand the decision what it read.",
    "home-asyncpg": HOME,
    "home-redis": HOME,
    "home-boto3": HOME,
    "home-kubernetes": HOME + " Names and references of objects are in manifests.py.",
    "home-kopf": "kopf only dispatches: a handler is a line or two that calls dispatch.py.",
    "home-psycopg": "Only the migration tool needs a synchronous driver.",
    "home-jwt": "Tokens are made and checked in sessions/tokens.py; everybody else gets the viewer.",
}


def contracts() -> dict[str, str]:
    """Name by id."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    return {each["id"]: each["name"] for each in settings["tool"]["importlinter"]["contracts"]}


def test_every_contract_has_its_remedy() -> None:
    assert set(contracts()) == set(REMEDIES)


def test_the_contracts_are_kept() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([linter], cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
    remedies = [REMEDIES[key] for key, name in contracts().items() if f"{name} BROKEN" in done.stdout]
    details = done.stdout[done.stdout.find("Broken contracts") :] + done.stderr
    assert done.returncode == 0, "\n".join([*remedies, details])
