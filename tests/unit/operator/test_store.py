"""What the operator remembers of tenants, and who holds a claim."""

from typing import Any

from directory_operator.tenant.store import Claims, ObjectStore


def a_body(
    name: str, *, version: int = 1, uid: str | None = None, created: str = "2026-01-01T00:00:00Z", **spec: Any
) -> dict[str, Any]:
    metadata = {
        "name": name,
        "namespace": "tenants",
        "uid": uid or f"uid-{name}",
        "resourceVersion": str(version),
        "creationTimestamp": created,
    }
    return {"metadata": metadata, "spec": spec}


def test_an_older_version_never_replaces_a_newer_one() -> None:
    store = ObjectStore()
    assert store.update("tenants/a", a_body("a", version=10))
    assert not store.update("tenants/a", a_body("a", version=9))
    assert not store.update("tenants/a", a_body("a", version=10))
    assert store.get("tenants/a") == a_body("a", version=10)


def test_a_recreated_object_replaces_and_a_late_delete_of_the_first_is_ignored() -> None:
    store = ObjectStore()
    store.update("tenants/a", a_body("a", version=10, uid="first"))
    assert store.update("tenants/a", a_body("a", version=15, uid="second"))
    store.remove("tenants/a", "first")
    assert store.get("tenants/a") is not None
    store.remove("tenants/a", "second")
    assert store.get("tenants/a") is None


def test_what_is_gone_never_comes_back_by_late_news() -> None:
    store = ObjectStore()
    store.update("tenants/a", a_body("a", version=10, uid="first"))
    store.remove("tenants/a", "first")
    assert not store.update("tenants/a", a_body("a", version=11, uid="first"))
    assert store.get("tenants/a") is None


def test_an_old_list_never_puts_a_predecessor_in_place_of_its_successor() -> None:
    store = ObjectStore()
    store.update("tenants/a", a_body("a", version=20, uid="second"))
    assert not store.update("tenants/a", a_body("a", version=10, uid="first"))


def test_the_elder_holds_the_slug_whatever_the_order_of_events() -> None:
    elder = a_body("old", slug="acme", created="2026-01-01T00:00:00Z")
    younger = a_body("acme", created="2026-01-02T00:00:00Z")
    for order in ((elder, younger), (younger, elder)):
        claims = Claims()
        for body in order:
            claims.update(f"tenants/{body['metadata']['name']}", body)
        assert claims.rival("tenants/acme") == ("tenants/old", "slug acme")
        assert claims.rival("tenants/old") is None


def test_a_claim_passes_on_when_its_holder_goes() -> None:
    claims = Claims()
    claims.update("tenants/a", a_body("a", hosts=["x.example"]))
    claims.update("tenants/b", a_body("b", hosts=["x.example"], created="2026-01-02T00:00:00Z"))
    assert claims.rival("tenants/b") == ("tenants/a", "host x.example")
    assert claims.remove("tenants/a") == ("tenants/b",)
    assert claims.rival("tenants/b") is None


def test_the_same_slug_on_two_platforms_is_no_conflict() -> None:
    claims = Claims()
    claims.update("tenants/a", a_body("a", slug="acme", platformRef="eu"))
    claims.update("tenants/b", a_body("b", slug="acme", platformRef="us"))
    assert claims.rival("tenants/a") is claims.rival("tenants/b") is None
