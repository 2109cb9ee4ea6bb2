-- Community edition: columnstore behind the last month, and retention by policy.
-- The policy is the floor; the maintenance loop drops earlier where it is told to.
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
select add_retention_policy('event', interval '400 days');
select add_retention_policy('camera_telemetry', interval '30 days');
