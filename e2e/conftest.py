"""The cluster that `make cluster-up` made, the report, and the order."""

import time
from collections.abc import Iterator

import pytest

from e2e.support.installation import Installation
from e2e.support.report import Report

# One cluster for all: serving first, then what disturbs it, then what takes it apart, then what judges all of it.
ORDER = (
    "test_serving",
    "test_isolation",
    "test_pods",
    "test_gitops",
    "test_events",
    "test_autoscaling",
    "test_operator_killed",
    "test_uninstall",
    "test_rights",
)

_REPORT = pytest.StashKey[Report]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_REPORT] = Report()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item.path.stem in ORDER else -1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_REPORT].lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def installation() -> Installation:
    return Installation.found()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config, installation: Installation) -> Iterator[Report]:
    """Figures that are printed after the tests, whatever became of them."""
    started = time.monotonic()
    found = pytestconfig.stash[_REPORT]
    yield found
    found.fact("duration of the tests", f"{(time.monotonic() - started) / 60:.1f} min")
    found.write(installation.folder / "e2e-report.json")
