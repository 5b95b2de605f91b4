"""A Dedicated tenant's Deployment holds all that its API needs: the test does the kubelet's part, by the pod's spec."""

from base64 import b64decode
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.api import serving
from tests.support.world import NAMESPACE, World

EMAIL = "ada@ownpods.example"


@pytest.fixture(scope="module")
def dedicated(world: World) -> World:
    world.nodes.serve("ownpods-directory")
    world.apply("ownpods", tier="Dedicated")
    world.ready("ownpods")
    return world


def test_a_process_with_the_pods_environment_and_files_serves_the_tenant(dedicated: World, tmp_path: Path) -> None:
    pod = _pod(dedicated)
    environment = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    mounted = _mount(dedicated, pod, tmp_path)
    here = {"DIRECTORY_SECRETS_DIRECTORY": str(mounted), "DIRECTORY_LISTEN_HOST": "127.0.0.1"}
    host = f"ownpods.{environment['DIRECTORY_BASE_DOMAIN']}"
    with serving(environment | here, mounted) as api, httpx.Client(base_url=api.url, headers={"Host": host}) as client:
        login = client.post("/api/v1/auth/login", json={"email": EMAIL, "password": _password(dedicated)})
        assert login.status_code == 200, login.text
        client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
        made = client.post("/api/v1/people", json={"given_name": "Ada", "family_name": "Lovelace"})
        assert made.status_code == 201, made.text
        assert [each["family_name"] for each in client.get("/api/v1/people").json()["items"]] == ["Lovelace"]
        photo = client.put(f"/api/v1/people/{made.json()['person_id']}/photo", content=_picture())
        assert photo.status_code == 204, photo.text
        elsewhere = client.get("/api/v1/people", headers={"Host": f"smallest.{environment['DIRECTORY_BASE_DOMAIN']}"})
        assert elsewhere.status_code in {401, 404, 421}


def _pod(world: World) -> dict[str, Any]:
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/ownpods-directory"
    pod: dict[str, Any] = world.get(path)["spec"]["template"]["spec"]
    return pod


def _mount(world: World, pod: dict[str, Any], folder: Path) -> Path:
    """The projected volume of Secrets, as the kubelet would lay it out."""
    sources = next(volume for volume in pod["volumes"] if volume["name"] == "secrets")["projected"]["sources"]
    for source in sources:
        secret = world.secret(source["secret"]["name"])
        assert secret is not None
        for item in source["secret"]["items"]:
            (folder / item["path"]).write_bytes(b64decode(secret["data"][item["key"]]))
    return folder


def _password(world: World) -> str:
    secret = world.secret("ownpods-directory")
    assert secret is not None
    return b64decode(secret["data"]["admin-password.ada_at_ownpods.example"]).decode()


def _picture() -> bytes:
    written = BytesIO()
    Image.new("RGB", (320, 240), "teal").save(written, "PNG")
    return written.getvalue()
