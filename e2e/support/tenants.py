"""Tenants as their users meet them: a manifest to apply, an administrator's password, HTTPS at the host."""

import base64
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import httpx
from PIL import Image

from e2e.support.installation import BASE_DOMAIN, TENANTS, Body, Installation
from tests.support.eventually import eventually
from tests.support.world import condition

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class TenantUnderTest:
    """One tenant of the installation."""

    installation: Installation
    name: str

    @property
    def host(self) -> str:
        return f"{self.name}.{BASE_DOMAIN}"

    def body(self) -> Body | None:
        return self.installation.get("dt", self.name, TENANTS)

    def condition(self, kind: str) -> Body:
        return condition(self.body(), kind)

    def ready(self, timeout: int = 180) -> None:
        """Wait until it is Ready at its present generation."""

        def settled() -> bool:
            body = self.body() or {}
            seen = (body.get("status") or {}).get("observedGeneration")
            return bool(body) and seen == body["metadata"]["generation"] and self.condition("Ready")["status"] == "True"

        eventually(settled, timeout=timeout, every=0.2, what=f"{self.name} Ready ({self.condition('Ready')})")

    def delete(self, timeout: int = 120) -> None:
        self.installation.kubectl(
            "delete", "dt", self.name, "-n", TENANTS, "--ignore-not-found", f"--timeout={timeout}s"
        )

    def password(self) -> str:
        """The first administrator's, from the Secret that the operator writes."""
        secret = self.installation.get("secret", f"{self.name}-directory", TENANTS)
        assert secret, f"{self.name} has no Secret"
        return base64.b64decode(secret["data"][f"admin-password.ada_at_{self.name}.example"]).decode()

    @contextmanager
    def caller(self) -> Iterator["Caller"]:
        """Its administrator, signed in."""
        with client_of(self.installation, self.host) as client:
            caller = Caller(client)
            caller.sign_in(f"ada@{self.name}.example", self.password())
            yield caller


@dataclass(slots=True)
class Caller:
    """Somebody who talks to one tenant over HTTPS with a verified certificate."""

    client: httpx.Client
    token: str = ""

    def sign_in(self, email: str, password: str) -> None:
        answer = self.client.post("/api/v1/auth/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]
        self.client.headers["Authorization"] = f"Bearer {self.token}"

    def add_person(self, family_name: str, given_name: str = "Grace") -> str:
        answer = self.client.post("/api/v1/people", json={"given_name": given_name, "family_name": family_name})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["person_id"])

    def people(self) -> list[Body]:
        answer = self.client.get("/api/v1/people")
        assert answer.status_code == 200, answer.text
        found: list[Body] = answer.json()["items"]
        return found


class ThroughIngress(httpx.HTTPTransport):
    """Connects to the ingress' address and asks for the host by name, in TLS (SNI, certificate) and in HTTP."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return super().handle_request(to_ingress(request))


def to_ingress(request: httpx.Request) -> httpx.Request:
    """The request, sent to where the ingress listens. The system's resolver doesn't know the names below localhost."""
    request.extensions = {**request.extensions, "sni_hostname": request.url.host}
    request.url = request.url.copy_with(host=LOOPBACK)
    return request


def trust(installation: Installation) -> ssl.SSLContext:
    """Certificates are checked against the cluster's own authority, and against nothing else."""
    return ssl.create_default_context(cafile=str(installation.authority))


def client_of(installation: Installation, host: str, timeout: float = 10) -> httpx.Client:
    return httpx.Client(
        base_url=f"https://{host}", timeout=timeout, transport=ThroughIngress(verify=trust(installation))
    )


def first_answer(
    installation: Installation, host: str, path: str = "/.well-known/jwks.json", timeout: float = 120
) -> float:
    """Seconds until `host` answers 200 for the first time."""
    started = time.monotonic()

    def answered() -> bool:
        try:
            with client_of(installation, host, 5) as client:
                return client.get(path).status_code == 200
        except httpx.TransportError:
            return False

    eventually(answered, timeout=timeout, every=0.1, what=f"https://{host}{path}")
    return time.monotonic() - started


def picture() -> bytes:
    """A photo to upload."""
    buffer = BytesIO()
    Image.effect_noise((64, 64), 60).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()
