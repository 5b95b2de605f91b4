"""The one home of the Kubernetes client: server-side apply, reads, deletes, status and Events.

The generated typed client is not imported: it costs over a
hundred MB and twice the CPU per call (docs/adr/0002-kubernetes-client.md).
"""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from directory_operator.errors import AccessDenied, Interrupted, ObjectRefused, SystemUnavailable
from directory_operator.manifests import FIELD_MANAGER, Manifest, ObjectRef, collection_path

WRITTEN_LIMIT: Final = 20_000
"""How many of our own writes are remembered: their watch events arrive within seconds."""


class ObjectConflict(Interrupted):
    """The object changed under our feet, or a new one of its name took its place: read again and decide anew."""


class ObjectInvalid(ObjectRefused):
    """The API server's validation refused the object as it would have become."""


class NamespaceTerminating(Interrupted):
    """Nothing can be created in a namespace that is going away."""


class Kube:
    """Reads and writes of one operator, under one field manager."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._written: OrderedDict[str, None] = OrderedDict()

    def wrote(self, obj: Manifest) -> bool:
        """Whether this version of the object is one that we wrote ourselves (so its watch event is no news)."""
        return _version(obj) in self._written

    async def get(self, ref: ObjectRef) -> Manifest | None:
        """The object, or None."""
        return await self._call("GET", ref.path, missing_ok=True)

    async def list_objects(
        self,
        api_version: str,
        kind: str,
        *,
        namespace: str | None = None,
        label_selector: str = "",
        missing_ok: bool = False,
    ) -> list[Manifest]:
        """Every object of a kind, read in pages of 500; on request none where the kind itself is gone."""
        items: list[Manifest] = []
        query = {"limit": "500"} | ({"labelSelector": label_selector} if label_selector else {})
        while True:
            path = f"{collection_path(api_version, kind, namespace)}?{urlencode(query)}"
            page = await self._call("GET", path, missing_ok=missing_ok)
            if page is None:
                return items
            items += page.get("items", [])
            if not (token := page["metadata"].get("continue")):
                return items
            query["continue"] = token

    async def apply(self, manifest: Manifest) -> Manifest:
        """Server-side apply of the fields we own, taking them over from whoever set them."""
        return await self._apply(ObjectRef.of(manifest).path, manifest)

    async def apply_status(self, manifest: Manifest) -> Manifest:
        """Server-side apply of `status` alone; ObjectConflict if the object is gone or is another one by now."""
        path = f"{ObjectRef.of(manifest).path}/status"
        return await self._apply(path, manifest, missing_ok=True)

    async def delete(self, ref: ObjectRef, *, uid: str | None = None) -> None:
        """Delete in the background; an object that is gone, or is another one by now, is left alone."""
        body: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid:
            body["preconditions"] = {"uid": uid}
        try:
            await self._call("DELETE", ref.path, body, missing_ok=True)
        except ObjectConflict:
            return

    async def set_finalizers(self, ref: ObjectRef, *, resource_version: str, finalizers: list[str]) -> Manifest | None:
        """Replace the list of finalizers, if nothing changed since it was read."""
        patch = {"metadata": {"resourceVersion": resource_version, "finalizers": finalizers}}
        changed = await self._call("PATCH", ref.path, patch, "application/merge-patch+json", missing_ok=True)
        return None if changed is None else self._remember(changed)

    async def create(self, manifest: Manifest) -> None:
        """Create without reading back (Events)."""
        path = collection_path(manifest["apiVersion"], manifest["kind"], manifest["metadata"].get("namespace"))
        await self._call("POST", path, manifest)

    async def replace(self, manifest: Manifest) -> Manifest:
        """Replace the object as it was read; ObjectConflict if it changed since."""
        return await self._call("PUT", ObjectRef.of(manifest).path, manifest) or {}

    async def patch(self, ref: ObjectRef, patch: Manifest) -> None:
        """Merge patch; an object that is gone is left alone."""
        await self._call("PATCH", ref.path, patch, "application/merge-patch+json", missing_ok=True)

    async def _apply(self, path: str, manifest: Manifest, *, missing_ok: bool = False) -> Manifest:
        query = urlencode({"fieldManager": FIELD_MANAGER, "force": "true"})
        applied = await self._call(
            "PATCH", f"{path}?{query}", manifest, "application/apply-patch+yaml", missing_ok=missing_ok
        )
        if applied is None:
            raise ObjectConflict(path)
        return self._remember(applied)

    def _remember(self, obj: Manifest) -> Manifest:
        self._written[_version(obj)] = None
        if len(self._written) > WRITTEN_LIMIT:
            self._written.popitem(last=False)
        return obj

    async def _call(
        self,
        method: str,
        path: str,
        body: Manifest | None = None,
        content_type: str = "application/json",
        *,
        missing_ok: bool = False,
    ) -> Manifest | None:
        host = self._api.configuration.host
        headers = {"Content-Type": content_type, "Accept": "application/json", "User-Agent": FIELD_MANAGER}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        try:
            answer = await self._api.rest_client.request(method, host + path, headers, body, _request_timeout=30)
            content = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise SystemUnavailable("Kubernetes API", host, type(error).__name__) from error
        if answer.status < 300:
            return json.loads(content)  # type: ignore[no-any-return]
        if answer.status == 404 and missing_ok:
            return None
        raise _error(answer.status, content.decode(errors="replace"), host, f"{method} {path.split('?')[0]}")


def _version(obj: Manifest) -> str:
    return f"{obj['metadata']['uid']}@{obj['metadata']['resourceVersion']}"


def _error(status: int, text: str, host: str, action: str) -> Exception:
    """The API server's answer as one of our conditions."""
    if status == 409:
        return ObjectConflict(action)
    if status == 403 and "being terminated" in text:
        return NamespaceTerminating(action)
    # Quotas and admission answer 403 as well, and no right would help there.
    if status == 401 or (status == 403 and " cannot " in text):
        return AccessDenied("Kubernetes API", host, f"{action} needs a right that the operator's role lacks")
    if status == 429 or status >= 500:
        return SystemUnavailable("Kubernetes API", host, f"it answered {status} to {action}")
    refused = ObjectInvalid if status == 422 else ObjectRefused
    return refused(f"{action} was answered {status}: {_message(text)[:500]}")


def _message(text: str) -> str:
    """What a `Status` says, or the bare answer."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text


@asynccontextmanager
async def connect() -> AsyncIterator[Kube]:
    """A client configured like kubectl's: in the cluster, else from the kubeconfig."""
    configuration = client.Configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        await config.load_kube_config(client_configuration=configuration)
    configuration.connection_pool_maxsize = 64
    async with client.ApiClient(configuration) as api:
        yield Kube(api)
