"""Reads, configures, empties and deletes buckets, in S3's own calls.

A converged tenant costs one read of versioning (which also says whether the bucket is there), tags, policy, encryption
and lifecycle, and of CORS and public-access block where the store has them: five on MinIO, seven on AWS, side by side.
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from directory_operator.errors import DeletionRefused
from directory_operator.reasons import Reason
from directory_operator.systems.s3.desired import (
    CORS,
    ENCRYPTION,
    ENCRYPTION_FEATURE,
    LIFECYCLE,
    OWNER_TAG,
    POLICY,
    PUBLIC_ACCESS_BLOCK,
    VERSIONING,
    DesiredBucket,
)
from directory_operator.systems.s3.plan import ObservedBucket
from directory_operator.systems.s3.policies import Policy
from directory_operator.systems.s3.store import NotSupported, Store

logger = logging.getLogger(__name__)

PAGE: Final = 1000  # S3's own limit for one list and one delete
PAGES_PER_PASS: Final = 10
_BLOCKED: Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


class Buckets:
    """Buckets of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, name: str) -> ObservedBucket | None:
        """The bucket as it is, or None."""
        versioning = await self._store.call("get_bucket_versioning", absent=["NoSuchBucket"], Bucket=name)
        if versioning is None:
            return None
        tags, policy, encryption, lifecycle, cors, block = await asyncio.gather(
            self._read("tagging", "get_bucket_tagging", "NoSuchTagSet", name),
            self._read(POLICY, "get_bucket_policy", "NoSuchBucketPolicy", name),
            self._read(
                ENCRYPTION_FEATURE, "get_bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError", name
            ),
            self._read(LIFECYCLE, "get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration", name),
            self._read(CORS, "get_bucket_cors", "NoSuchCORSConfiguration", name),
            self._read(PUBLIC_ACCESS_BLOCK, "get_public_access_block", "NoSuchPublicAccessBlockConfiguration", name),
        )
        labels = {each["Key"]: each["Value"] for each in tags.get("TagSet", ())}
        return ObservedBucket(
            tags=labels,
            empty=None if OWNER_TAG in labels else await self._is_empty(name),
            versioning=versioning.get("Status"),
            encryption=_algorithm(encryption),
            lifecycle=lifecycle.get("Rules", ()),
            policy=_policy(policy),
            public_access_blocked=block.get("PublicAccessBlockConfiguration") == _BLOCKED,
            cors_origins=frozenset(
                origin for rule in cors.get("CORSRules", ()) for origin in rule.get("AllowedOrigins", ())
            ),
        )

    async def create(self, name: str) -> None:
        """Create the bucket unless we have it already."""
        region = self._store.spec.region
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        await self._store.call("create_bucket", absent=["BucketAlreadyOwnedByYou"], Bucket=name, **place)

    async def tag(self, name: str, tags: Mapping[str, str]) -> None:
        """Replace the bucket's tags."""
        entries = [{"Key": key, "Value": value} for key, value in sorted(tags.items())]
        await self._store.call("put_bucket_tagging", Bucket=name, Tagging={"TagSet": entries})

    async def configure(self, wanted: DesiredBucket, feature: str) -> None:
        """Set one feature as wanted; a store that turns out not to have it is remembered."""
        operation, arguments = _setting(wanted, feature, self._store.unsupported)
        try:
            await self._store.call(operation, Bucket=wanted.name, **arguments)
        except NotSupported:
            self._store.lacks(feature)

    async def set_policy(self, name: str, policy: Policy | None) -> None:
        """Set the bucket's policy, or take it away."""
        if policy is None:
            await self._store.call("delete_bucket_policy", Bucket=name)
        else:
            await self._store.call("put_bucket_policy", Bucket=name, Policy=json.dumps(policy))

    async def empty(self, name: str) -> None:
        """Delete all versions. DeletionRefused, to be tried again at once, if there are more than fit in one pass."""
        await self._abort_uploads(name)
        deleted = 0
        for _ in range(PAGES_PER_PASS):
            page = await self._store.call("list_object_versions", absent=["NoSuchBucket"], Bucket=name, MaxKeys=PAGE)
            entries = [*(page or {}).get("Versions", ()), *(page or {}).get("DeleteMarkers", ())]
            if not entries:
                return
            await self.delete_versions(name, [(each["Key"], each["VersionId"]) for each in entries])
            deleted += len(entries)
            logger.info("emptying bucket", extra={"bucket": name, "deleted": deleted})
        refused = DeletionRefused(
            Reason.BUCKET_NOT_EMPTY,
            f"bucket {name} is being emptied: {deleted} object versions deleted in this pass, more are left",
        )
        refused.retry_after = 1.0
        raise refused

    async def delete_versions(self, name: str, versions: list[tuple[str, str]]) -> None:
        """Delete these versions of these keys for good."""
        objects = [{"Key": key, "VersionId": version} for key, version in versions]
        answer = await self._store.call("delete_objects", Bucket=name, Delete={"Objects": objects, "Quiet": True})
        if failed := (answer or {}).get("Errors"):
            code = failed[0].get("Code", "unknown")
            raise DeletionRefused(
                Reason.BUCKET_NOT_EMPTY,
                f"{len(failed)} object versions of bucket {name} can't be deleted ({code}): lift their retention or "
                "legal hold, or give the operator's key the right s3:DeleteObjectVersion",
            )

    async def delete(self, name: str) -> None:
        """Delete the empty bucket; nothing happens if it is gone."""
        await self._store.call("delete_bucket", absent=["NoSuchBucket"], Bucket=name)

    async def _read(self, feature: str, operation: str, absent: str, name: str) -> Mapping[str, Any]:
        if feature in self._store.unsupported:
            return {}
        try:
            return await self._store.call(operation, absent=[absent], Bucket=name) or {}
        except NotSupported:
            self._store.lacks(feature)
            return {}

    async def _is_empty(self, name: str) -> bool:
        page = await self._store.call("list_object_versions", absent=["NoSuchBucket"], Bucket=name, MaxKeys=1)
        return not ((page or {}).get("Versions") or (page or {}).get("DeleteMarkers"))

    async def _abort_uploads(self, name: str) -> None:
        page = await self._store.call("list_multipart_uploads", absent=["NoSuchBucket"], Bucket=name, MaxUploads=PAGE)
        for upload in (page or {}).get("Uploads", ()):
            target = {"Bucket": name, "Key": upload["Key"], "UploadId": upload["UploadId"]}
            await self._store.call("abort_multipart_upload", absent=["NoSuchUpload"], **target)


def _setting(wanted: DesiredBucket, feature: str, unsupported: frozenset[str]) -> tuple[str, dict[str, Any]]:
    """The call that sets a feature, and its arguments."""
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        PUBLIC_ACCESS_BLOCK: ("put_public_access_block", {"PublicAccessBlockConfiguration": _BLOCKED}),
        VERSIONING: (
            "put_bucket_versioning",
            {"VersioningConfiguration": {"Status": "Enabled" if wanted.versioning else "Suspended"}},
        ),
        ENCRYPTION_FEATURE: (
            "put_bucket_encryption",
            {
                "ServerSideEncryptionConfiguration": {
                    "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": ENCRYPTION}}]
                }
            },
        ),
        LIFECYCLE: (
            "put_bucket_lifecycle_configuration",
            {"LifecycleConfiguration": {"Rules": list(wanted.lifecycle(unsupported))}},
        ),
        CORS: (
            "put_bucket_cors",
            {
                "CORSConfiguration": {
                    "CORSRules": [
                        {
                            "AllowedMethods": ["GET", "HEAD", "PUT"],
                            "AllowedOrigins": sorted(wanted.cors_origins),
                            "AllowedHeaders": ["*"],
                            "ExposeHeaders": ["ETag"],
                            "MaxAgeSeconds": 3600,
                        }
                    ]
                }
            },
        ),
    }
    return settings[feature]


def _algorithm(encryption: Mapping[str, Any]) -> str | None:
    rules = encryption.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    return next((rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules), None)


def _policy(answer: Mapping[str, Any]) -> Policy | None:
    text = answer.get("Policy")
    policy: Policy | None = json.loads(text) if text else None
    return policy
