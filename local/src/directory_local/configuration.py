"""What a user may set for the local platform, by environment variables; flags of the command stand in for them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from directory_local.errors import LocalPlatformError
from directory_local.ports import Ports
from directory_local.repository import root

STATE_FOLDER = "DIRECTORY_STATE_DIR"
BASE_DOMAIN = "DIRECTORY_BASE_DOMAIN"
KUBECONFIG = "DIRECTORY_KUBECONFIG"
"""Not KUBECONFIG itself: whoever has a production cluster's exported must not find a platform installed there."""

_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Configuration:
    """Where the platform's state is, where it listens, what its hosts end in, and whose cluster it uses."""

    state: Path
    ports: Ports
    base_domain: str
    kubeconfig: Path | None

    @classmethod
    def read(cls, environment: Mapping[str, str] = os.environ) -> "Configuration":
        base_domain = environment.get(BASE_DOMAIN) or "directory.localhost"
        if not _DOMAIN.fullmatch(base_domain):
            message = (
                f"{BASE_DOMAIN}={base_domain} is not a domain name of two labels or more, such as directory.localhost."
            )
            raise LocalPlatformError(message)
        kubeconfig = environment.get(KUBECONFIG)
        if kubeconfig and not Path(kubeconfig).is_file():
            message = f"{KUBECONFIG}={kubeconfig} is no file; give the path of one kubeconfig."
            raise LocalPlatformError(message)
        return cls(
            state=Path(environment.get(STATE_FOLDER) or root() / ".state").absolute(),
            ports=Ports.from_environment(environment),
            base_domain=base_domain,
            kubeconfig=Path(kubeconfig).absolute() if kubeconfig else None,
        )
