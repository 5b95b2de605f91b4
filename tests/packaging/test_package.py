"""What `helm package` puts into an archive is the chart, whole."""

import subprocess
from pathlib import Path

import pytest

from directory_local.addons.tools import run_helm
from scripts.packaging.chart import CHART, NAMESPACE, example
from scripts.packaging.overlays import ENVIRONMENTS


def template(helm: Path, chart: Path) -> str:
    values = [f"--values={file}" for file in example("production")]
    return run_helm(helm, "template", NAMESPACE, str(chart), f"--namespace={NAMESPACE}", "--include-crds", *values)


def test_the_archive_makes_what_the_folder_makes(helm: Path, tmp_path: Path) -> None:
    run_helm(helm, "package", str(CHART), f"--destination={tmp_path}")
    (archive,) = tmp_path.glob("company-directory-*.tgz")
    assert template(helm, archive) == template(helm, CHART)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_lint(helm: Path, environment: str) -> None:
    run_helm(helm, "lint", "--strict", str(CHART), *[f"--values={file}" for file in example(environment)])


def test_no_secret_of_ours_is_in_the_chart() -> None:
    """Whoever installs it makes them; a default password would be everybody's."""
    found = subprocess.run(
        ["grep", "-rniE", "^kind: Secret|password: *[^ ]", str(CHART / "templates")], capture_output=True, text=True
    ).stdout
    assert found == ""
