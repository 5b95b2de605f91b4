"""Owns which programs packaging needs: `python -m scripts.packaging.tools` builds them, once, into the user's cache."""

import os
import sys
from pathlib import Path
from typing import Final

from directory_local.addons.programs import HELM, KUBECONFORM
from directory_local.build import GoProgram, build, cache_folder

BUNDLE_VALIDATE: Final = GoProgram("bundle-validate", ".", home="addons/packaging")


def tool(program: GoProgram) -> Path:
    """The program's binary; how far its build is goes to standard error."""
    return build(program, cache_folder(os.environ), lambda line: print(line, file=sys.stderr))  # noqa: T201


if __name__ == "__main__":
    for each in (HELM, KUBECONFORM, BUNDLE_VALIDATE):
        tool(each)
