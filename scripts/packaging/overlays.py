"""Owns the kustomize overlays: what an environment's values change of the base, as patches."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from scripts.packaging.chart import Document, example, render

ENVIRONMENTS: Final = ("dev", "staging", "production")
COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "certificate": (
        "route.certificate.enabled=true",
        "route.certificate.issuerRef.name=letsencrypt",
        "route.certificate.issuerRef.kind=ClusterIssuer",
        "route.certificate.issuerRef.group=cert-manager.io",
    ),
    "monitoring": ("serviceMonitor.enabled=true",),
}
"""Each component of manifests/components, and the settings that make its objects."""

_KINDS: Final = {"certificate": "Certificate", "monitoring": "ServiceMonitor"}
_HOOKS: Final = ("hooks", "tests")
"""What Helm alone runs, by the label of its component."""

Manifest = dict[str, Any]
Key = tuple[str, str, str]


def overlays(helm: Path) -> dict[str, str]:
    """The kustomization of each environment, by its name below manifests/."""
    return {f"overlays/{name}/kustomization.yaml": _kustomization(helm, name) for name in ENVIRONMENTS}


def applied(documents: list[Document]) -> dict[Key, Manifest]:
    """The objects that kustomize applies as well, without what only Helm reads."""
    objects = (yaml.safe_load(each.without_helm()) for each in documents)
    wanted = (each for each in objects if each["metadata"]["labels"]["app.kubernetes.io/component"] not in _HOOKS)
    return {key(each): each for each in wanted}


def key(manifest: Manifest) -> Key:
    """What tells objects apart: API version, kind and name."""
    return manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]


def _kustomization(helm: Path, name: str) -> str:
    wanted = applied(render(helm, *example(name)))
    components = [part for part, kind in _KINDS.items() if any(each[1] == kind for each in wanted)]
    settings = [setting for part in components for setting in COMPONENTS[part]]
    base = applied(render(helm, *example("base"), settings=settings))
    if missing := set(wanted) - set(base):
        message = f"examples/{name}.yaml makes what no component has: {missing}"
        raise ValueError(message)
    body = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["../../base"],
        **({"components": [f"../../components/{part}" for part in components]} if components else {}),
        "patches": [_patch(base[each], wanted.get(each)) for each in base if base[each] != wanted.get(each)],
    }
    head = f"# Written by `python -m scripts.packaging` from charts/company-directory/examples/{name}.yaml.\n"
    return head + yaml.dump(body, Dumper=_Dumper, sort_keys=False, width=120)


def _patch(base: Manifest, wanted: Manifest | None) -> Manifest:
    version, kind, name = key(base)
    target = {"kind": kind, "name": name}
    if wanted is None:
        deletion = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "$patch": "delete"}
        return {"target": target, "patch": yaml.safe_dump(deletion, sort_keys=False)}
    operations = list(_operations(base, wanted, ""))
    return {"target": target, "patch": yaml.safe_dump(operations, sort_keys=False, default_flow_style=None, width=110)}


def _operations(base: Any, wanted: Any, path: str) -> Iterator[Manifest]:
    """JSON patch (RFC 6902) that makes the one of the other."""
    if isinstance(base, dict) and isinstance(wanted, dict):
        for name in sorted({*base, *wanted}):
            here = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name not in wanted:
                yield {"op": "remove", "path": here}
            elif name not in base:
                yield {"op": "add", "path": here, "value": wanted[name]}
            else:
                yield from _operations(base[name], wanted[name], here)
    elif isinstance(base, list) and isinstance(wanted, list) and len(base) == len(wanted):
        for position, pair in enumerate(zip(base, wanted, strict=True)):
            yield from _operations(*pair, f"{path}/{position}")
    elif base != wanted:
        yield {"op": "replace", "path": path, "value": wanted}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
