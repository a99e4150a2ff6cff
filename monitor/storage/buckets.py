"""What ``influxdb-client`` is for: buckets of 2.x, their names for InfluxQL, and what stands in them.

Points are not written by it (see docs/dependencies.md).
"""

from __future__ import annotations

from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.domain.post_bucket_request import PostBucketRequest
from influxdb_client.service.buckets_service import BucketsService
from influxdb_client.service.dbr_ps_service import DBRPsService
from influxdb_client.service.organizations_service import OrganizationsService

from monitor.model import WallMs
from monitor.storage.settings import InfluxSettings

DEFAULT_POLICY = "autogen"
"""The retention policy that 1.x has from the start, and that Grafana asks for when none is named."""


class Buckets:
    """One server. Every call raises ``InfluxDBError``, ``aiohttp.ClientError``, ``TimeoutError``."""

    def __init__(self, settings: InfluxSettings, token: str) -> None:
        self._settings = settings
        self._token = token

    def _client(self) -> InfluxDBClientAsync:
        settings = self._settings
        timeout_ms = round(settings.timeout * 1000)
        return InfluxDBClientAsync(settings.url, self._token, settings.org, timeout=timeout_ms)

    async def provide(self) -> str:
        """Make the bucket and its name for InfluxQL, as far as they are missing; what was done, in words."""
        settings = self._settings
        async with self._client() as api:
            service, org_id = BucketsService(api.api_client), await self._org_id(api)
            found = (await service.get_buckets_async(name=settings.bucket_name, org_id=org_id)).buckets
            words = f"bucket {settings.bucket_name}" + (" is there" if found else "")
            if not found:
                wanted = PostBucketRequest(org_id=org_id, name=settings.bucket_name, retention_rules=[])
                found = [await service.post_buckets_async(post_bucket_request=wanted)]
            names = DBRPsService(api.api_client)
            if not (await names.get_dbr_ps_async(org_id=org_id, db=settings.database)).content:
                mapping = DBRPCreate(
                    org_id=org_id,
                    bucket_id=found[0].id,
                    database=settings.database,
                    retention_policy=settings.retention_policy or DEFAULT_POLICY,
                    default=True,
                )
                await names.post_dbrp_async(dbrp_create=mapping)
                words += f", mapped to database {settings.database}"
            return words

    async def _org_id(self, api: InfluxDBClientAsync) -> str:
        """Raises ``InfluxDBError`` (404) when there is none of that name."""
        orgs = (await OrganizationsService(api.api_client).get_orgs_async(org=self._settings.org)).orgs
        return str(orgs[0].id)

    async def holds(self, measurement: str, at: WallMs) -> bool:
        """The bucket itself has a point of ``measurement`` at that time, whatever InfluxQL sees."""
        bucket = self._settings.bucket_name.replace("\\", "\\\\").replace('"', '\\"')
        query = (
            f'from(bucket: "{bucket}") |> range(start: {at // 1000}, stop: {at // 1000 + 1}) '
            f'|> filter(fn: (r) => r._measurement == "{measurement}")'
        )
        async with self._client() as api:
            tables = await api.query_api().query(query)
        return any(record.get_value() == at for table in tables for record in table.records)
