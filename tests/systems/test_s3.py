"""A tenant in the object store: its bucket, what is repaired, what its session opens, what is kept."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from directory_contract import environment as env
from directory_operator.errors import Conflict, DeletionRefused, NotReady
from directory_operator.keys import secret_texts
from directory_operator.reasons import Reason
from directory_operator.systems.s3 import buckets
from directory_operator.systems.s3.desired import OWNER_TAG
from directory_operator.systems.s3.policies import sealed_policy
from directory_operator.systems.s3.session import secret_ref
from directory_operator.tenant.model import Tenant
from tests.systems.rig import Rig, connect, platform_on, pool_credentials, reborn

PUBLIC = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{bucket}/*"}
    ],
}

BROKEN: dict[str, tuple[str, dict[str, Any], str]] = {
    "versioning": (
        "put_bucket_versioning",
        {"VersioningConfiguration": {"Status": "Suspended"}},
        "set versioning of bucket {bucket} (Suspended, not Enabled)",
    ),
    "encryption": (
        "delete_bucket_encryption",
        {},
        "set default-encryption of bucket {bucket} (none, not AES256)",
    ),
    "no lifecycle": ("delete_bucket_lifecycle", {}, "set lifecycle of bucket {bucket} (rules differ)"),
    "another lifecycle": (
        "put_bucket_lifecycle_configuration",
        {
            "LifecycleConfiguration": {
                "Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]
            }
        },
        "set lifecycle of bucket {bucket} (rules differ)",
    ),
    "public": (
        "put_bucket_policy",
        {"Policy": json.dumps(PUBLIC)},
        "set policy of bucket {bucket} (bucket policy differs)",
    ),
    "tags": ("delete_bucket_tagging", {}, "mark the owner of bucket {bucket}"),
}


def session_client(rig: Rig, tenant: Tenant) -> Any:
    return session_of(rig, secret_texts(rig.kube.objects[secret_ref(tenant)]))


def session_of(rig: Rig, texts: dict[str, str]) -> Any:
    return rig.s3(
        aws_access_key_id=texts[env.S3_ACCESS_KEY_ID_FILE],
        aws_secret_access_key=texts[env.S3_SECRET_ACCESS_KEY_FILE],
        aws_session_token=texts[env.S3_SESSION_TOKEN_FILE],
    )


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_broken_by_hand_is_repaired(rig: Rig, name: str) -> None:
    operation, arguments, expected = BROKEN[name]
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    bucket = tenant.names.bucket
    rig.s3().put_object(Bucket=bucket, Key="photo", Body=b"1")
    if "Policy" in arguments:
        arguments = {"Policy": arguments["Policy"].replace("{bucket}", bucket)}
    getattr(rig.s3(), operation)(Bucket=bucket, **arguments)
    assert await rig.converge("s3", tenant) == [expected.format(bucket=bucket)]
    assert rig.s3().get_object(Bucket=bucket, Key="photo")["Body"].read() == b"1"


async def test_a_bucket_deleted_by_hand_is_made_again_whole(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    rig.s3().delete_bucket(Bucket=tenant.names.bucket)
    bucket = tenant.names.bucket
    assert await rig.converge("s3", tenant) == [
        f"create bucket {bucket}",
        f"mark the owner of bucket {bucket}",
        f"set default-encryption of bucket {bucket} (none, not AES256)",
        f"set versioning of bucket {bucket} (off, not Enabled)",
        f"set lifecycle of bucket {bucket} (rules differ)",
    ]


async def test_tags_of_others_are_kept(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    tags = [{"Key": "cost-centre", "Value": "42"}, {"Key": OWNER_TAG, "Value": tenant.owner}]
    rig.s3().put_bucket_tagging(Bucket=tenant.names.bucket, Tagging={"TagSet": tags})
    await rig.converge("s3", tenant)
    kept = {each["Key"]: each["Value"] for each in rig.s3().get_bucket_tagging(Bucket=tenant.names.bucket)["TagSet"]}
    assert kept["cost-centre"] == "42"
    assert len(kept) == 4


async def test_versioning_can_be_switched_off_and_retention_changed(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    storage = {"versioning": False, "noncurrent_version_retention_days": 3}
    spec = tenant.spec.model_copy(update={"storage": tenant.spec.storage.model_copy(update=storage)})
    changes = await rig.converge("s3", replace(tenant, spec=spec))
    assert [each.split(" of ")[0] for each in changes] == ["set versioning", "set lifecycle"]


async def test_the_session_opens_the_tenants_objects_and_nothing_else(rig: Rig) -> None:
    tenant, other = rig.tenant(), rig.tenant()
    for each in (tenant, other):
        await rig.converge("s3", each)
    rig.s3().put_object(Bucket=other.names.bucket, Key="photo", Body=b"other's")
    client, own, foreign = session_client(rig, tenant), tenant.names.bucket, other.names.bucket
    version = client.put_object(Bucket=own, Key="photo", Body=b"mine")["VersionId"]
    assert client.get_object(Bucket=own, Key="photo")["Body"].read() == b"mine"
    assert [each["Key"] for each in client.list_objects_v2(Bucket=own)["Contents"]] == ["photo"]
    client.delete_object(Bucket=own, Key="photo")
    assert [each["Name"] for each in client.list_buckets()["Buckets"]] == [own]
    refused: list[tuple[str, dict[str, Any]]] = [
        ("get_object", {"Bucket": foreign, "Key": "photo"}),
        ("head_object", {"Bucket": foreign, "Key": "photo"}),
        ("head_object", {"Bucket": foreign, "Key": "absent"}),
        ("put_object", {"Bucket": foreign, "Key": "photo", "Body": b"x"}),
        ("delete_object", {"Bucket": foreign, "Key": "photo"}),
        ("copy_object", {"Bucket": own, "Key": "x", "CopySource": {"Bucket": foreign, "Key": "photo"}}),
        ("list_objects_v2", {"Bucket": foreign}),
        ("head_bucket", {"Bucket": foreign}),
        ("head_bucket", {"Bucket": "directory-nobody"}),
        ("delete_object", {"Bucket": own, "Key": "photo", "VersionId": version}),
        ("delete_bucket", {"Bucket": own}),
        ("put_bucket_policy", {"Bucket": own, "Policy": "{}"}),
        ("get_bucket_tagging", {"Bucket": own}),
        ("create_bucket", {"Bucket": "directory-mine-too"}),
    ]
    for operation, arguments in refused:
        with pytest.raises(ClientError) as error:
            getattr(client, operation)(**arguments)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403, operation


async def test_a_session_is_renewed_at_half_life_as_planned_upkeep(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    secret = secret_ref(tenant).name
    lifetime = timedelta(seconds=rig.platform.spec.object_storage.session_lifetime_seconds)
    try:
        rig.clock.ahead = lifetime * 0.49
        assert await rig.planned("s3", tenant) == []
        rig.clock.ahead = lifetime * 0.51
        [change] = await rig.planned("s3", tenant)
        assert change.routine
        assert str(change) == f"renew session credentials in Secret {secret} (half of its life is over)"
    finally:
        rig.clock.ahead = timedelta()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda secret: secret["data"].pop(env.S3_SESSION_TOKEN_FILE), "it is incomplete"),
        (lambda secret: secret["data"].update({env.S3_SECRET_ACCESS_KEY_FILE: "eA=="}), "it was edited"),
        (lambda secret: secret["metadata"]["labels"].clear(), "metadata.labels"),
        (lambda secret: secret["metadata"]["annotations"].clear(), "it was edited"),
    ],
)
async def test_an_edited_secret_is_written_anew(rig: Rig, damage: Any, why: str) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    damage(rig.kube.objects[secret_ref(tenant)])
    [change] = await rig.converge("s3", tenant)
    assert why in change
    assert session_client(rig, tenant).list_objects_v2(Bucket=tenant.names.bucket)


async def test_a_key_that_somebody_adds_to_the_secret_is_theirs(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    rig.kube.objects[secret_ref(tenant)]["data"]["more"] = "eA=="
    assert await rig.planned("s3", tenant) == []


async def test_a_deleted_secret_is_drift_and_one_of_somebody_else_a_conflict(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    del rig.kube.objects[secret_ref(tenant)]
    [change] = await rig.planned("s3", tenant)
    assert (change.why, change.routine) == ("missing", False)
    await rig.kube.apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret_ref(tenant).name, "namespace": "tenants"}}
    )
    with pytest.raises(Conflict, match="does not belong to this tenant"):
        await rig.planned("s3", tenant)


async def test_readiness_is_proved_with_the_tenants_own_credentials_once_after_changes(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    system = rig.backends.systems["s3"]
    remark = await system.check(tenant)
    assert remark == "the object store lacks CORS, abort-incomplete-uploads, public-access-block"
    page = rig.s3().list_object_versions(Bucket=tenant.names.bucket)
    assert not page.get("Versions")
    assert not page.get("DeleteMarkers")
    del rig.kube.objects[secret_ref(tenant)]  # would fail if it were asked again
    assert await system.check(tenant) == remark
    with pytest.raises(NotReady):
        await system.check(replace(tenant, generation=2))


async def test_credentials_that_open_nothing_are_not_ready(rig: Rig) -> None:
    tenant, other = rig.tenant(), rig.tenant()
    for each in (tenant, other):
        await rig.converge("s3", each)
    rig.kube.objects[secret_ref(tenant)]["data"] = rig.kube.objects[secret_ref(other)]["data"]
    with pytest.raises(NotReady, match=r"don't open bucket .* yet: PUT of an object answered 403"):
        await rig.backends.systems["s3"].check(tenant)


async def test_a_bucket_of_another_tenant_is_refused(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    with pytest.raises(Conflict, match=f"belongs to another tenant .owner {tenant.owner}"):
        await rig.planned("s3", reborn(tenant))


async def test_a_bucket_with_objects_and_no_owner_is_not_taken(rig: Rig) -> None:
    tenant = rig.tenant()
    rig.s3().create_bucket(Bucket=tenant.names.bucket)
    rig.s3().put_object(Bucket=tenant.names.bucket, Key="precious", Body=b"1")
    with pytest.raises(Conflict, match="holds objects and was not made for a tenant"):
        await rig.planned("s3", tenant)
    assert await rig.planned("s3", tenant, wanted=False) == []


async def test_release_keeps_every_object_and_lets_an_heir_in(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    rig.s3().put_object(Bucket=tenant.names.bucket, Key="photo", Body=b"1")
    system = rig.backends.systems["s3"]
    await system.release(tenant)
    await system.release(tenant)
    policy = json.loads(rig.s3().get_bucket_policy(Bucket=tenant.names.bucket)["Policy"])
    assert [each["Sid"] for each in policy["Statement"]] == ["Sealed"]
    assert await rig.planned("s3", tenant, wanted=False) == []  # the Secret of its session went along
    await rig.converge("s3", tenant, wanted=False)
    assert rig.s3().get_object(Bucket=tenant.names.bucket, Key="photo")["Body"].read() == b"1"
    heir = reborn(tenant)
    await rig.converge("s3", heir)
    assert session_client(rig, heir).get_object(Bucket=tenant.names.bucket, Key="photo")["Body"].read() == b"1"


async def test_a_big_bucket_is_emptied_over_several_passes(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "PAGE", 10)
    monkeypatch.setattr(buckets, "PAGES_PER_PASS", 2)
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    for number in range(15):
        rig.s3().put_object(Bucket=tenant.names.bucket, Key=f"photo {number}", Body=b"1")
        rig.s3().delete_object(Bucket=tenant.names.bucket, Key=f"photo {number}")
    rig.s3().create_multipart_upload(Bucket=tenant.names.bucket, Key="unfinished")
    with pytest.raises(DeletionRefused, match="20 object versions deleted in this pass, more are left") as refused:
        await rig.converge("s3", tenant, wanted=False)
    assert (refused.value.reason, refused.value.retry_after) == (Reason.BUCKET_NOT_EMPTY, 1.0)
    await rig.converge("s3", tenant, wanted=False)
    with pytest.raises(ClientError, match="404"):
        rig.s3().head_bucket(Bucket=tenant.names.bucket)


async def test_a_strict_platform_refuses_a_store_that_lacks_features(rig: Rig) -> None:
    strict = connect(rig.machine, platform_on(rig.machine, enforcement="Strict"))
    try:
        with pytest.raises(NotReady, match=r"lacks CORS, .*BestEffort") as refused:
            await strict.planned("s3", strict.tenant())
        assert refused.value.reason is Reason.NOT_SUPPORTED
        part, pool = strict.backends.platform_parts["s3"], pool_credentials()
        observed = await part.observe(pool)
        with pytest.raises(NotReady, match="enforcement is Strict"):
            part.plan(pool, observed)
    finally:
        await strict.backends.close()


async def test_the_pools_session_reaches_objects_of_every_tenant_and_no_bucket(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    rig.s3().create_bucket(Bucket="unrelated")
    session = await rig.backends.pool_session()
    client = session_of(rig, session.secret_data())
    client.put_object(Bucket=tenant.names.bucket, Key="photo", Body=b"1")
    assert client.get_object(Bucket=tenant.names.bucket, Key="photo")["Body"].read() == b"1"
    for operation, arguments in (
        ("delete_bucket", {"Bucket": tenant.names.bucket}),
        ("put_bucket_versioning", {"Bucket": tenant.names.bucket, "VersioningConfiguration": {"Status": "Suspended"}}),
        ("create_bucket", {"Bucket": "directory-new"}),
        ("put_object", {"Bucket": "unrelated", "Key": "x"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, operation)(**arguments)


async def test_a_release_cut_short_before_the_mark_is_finished_by_the_next_attempt(rig: Rig) -> None:
    tenant = rig.tenant()
    await rig.converge("s3", tenant)
    sealed = sealed_policy(tenant.names.bucket, tls_only=False)
    rig.s3().put_bucket_policy(Bucket=tenant.names.bucket, Policy=json.dumps(sealed))
    await rig.backends.systems["s3"].release(tenant)
    observed = await rig.backends.systems["s3"].observe(tenant)
    assert observed.bucket.tags[OWNER_TAG] == "released"
