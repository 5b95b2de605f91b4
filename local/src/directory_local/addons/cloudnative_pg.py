"""CloudNativePG: keeps PostgreSQL clusters, their replicas, fail-over and poolers."""

from directory_local.addons import modules
from directory_local.addons.manifests import Changing, by_kind, containers, read, use_image
from directory_local.addons.programs import CLOUDNATIVE_PG


def objects() -> list[Changing]:
    module = modules.folder(CLOUDNATIVE_PG.home, CLOUDNATIVE_PG.module)
    manifests = read(module / "releases" / f"cnpg-{CLOUDNATIVE_PG.version}.yaml")
    for deployment in by_kind(manifests, "Deployment"):
        (container,) = containers(deployment)
        published = container["image"]
        use_image(container, CLOUDNATIVE_PG.reference)
        for variable in container["env"]:
            if variable.get("value") == published:
                # The pods of databases get the manager from this image.
                variable["value"] = CLOUDNATIVE_PG.reference
        # Half a CPU for moments like a fail-over: a tenth, as published, delays what clients wait for.
        container["resources"] = {"requests": {"cpu": "50m", "memory": "100Mi"}, "limits": {"memory": "512Mi"}}
    return manifests
