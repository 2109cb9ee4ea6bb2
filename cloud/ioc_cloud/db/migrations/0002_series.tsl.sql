-- Community edition: columnstore behind the last month. Retention stays with upkeep,
-- which knows IOC_RETENTION_DAYS; a policy here would drop what that still keeps.
alter table event set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'camera',
    timescaledb.compress_orderby = 'time desc, id'
);
select add_compression_policy('event', interval '30 days');
alter table camera_telemetry set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'box, camera',
    timescaledb.compress_orderby = 'time desc'
);
select add_compression_policy('camera_telemetry', interval '7 days');
