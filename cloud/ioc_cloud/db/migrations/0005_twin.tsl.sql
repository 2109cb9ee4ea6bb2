-- Community edition: columnstore behind the last weeks, as for events.
alter table thing_event set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'thing_id',
    timescaledb.compress_orderby = 'time desc, revision desc'
);
select add_compression_policy('thing_event', interval '30 days');
alter table ts_point set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'thing_id, path',
    timescaledb.compress_orderby = 'time desc, revision desc'
);
select add_compression_policy('ts_point', interval '30 days');
