-- Forecasts, each with what it was made of and how wrong its like has been.
create table forecast_run (
    indicator text not null,
    -- A commune, the province, or a station where it is that alone.
    area text not null,
    made_on date not null,
    made_at timestamptz not null,
    step text not null check (step in ('day', 'hour')),
    status text not null check (status in ('made', 'too_short', 'stale')),
    vi text not null default '',
    en text not null default '',
    model text,
    -- Periods of history that had a value, and where they lie.
    n int not null,
    since timestamptz,
    until timestamptz,
    feed text,
    as_of timestamptz not null,
    received_at timestamptz not null,
    provenance text not null check (provenance in ('api', 'file', 'manual', 'derived', 'simulated')),
    detail jsonb not null default '{}',
    primary key (indicator, area, made_on)
);
create index forecast_run_made on forecast_run (made_on);

create table forecast (
    indicator text not null,
    area text not null,
    made_on date not null,
    start timestamptz not null,
    value float8 not null,
    low float8 not null,
    high float8 not null,
    primary key (indicator, area, made_on, start)
);
create index forecast_made on forecast (made_on);

-- Walks over the past: each model forecast from each origin without seeing what came after.
create table forecast_backtest (
    indicator text not null,
    area text not null,
    made_on date not null,
    model text not null,
    champion boolean not null,
    origins timestamptz[] not null,
    -- One number an origin, null where nothing could be compared; `wape` is a share.
    wape float8[] not null,
    mae float8[] not null,
    -- Share of what came that lay inside the band.
    inside float8[] not null,
    primary key (indicator, area, made_on, model)
);
create index forecast_backtest_made on forecast_backtest (made_on);

grant select on forecast_run, forecast, forecast_backtest to ioc_api;
grant select, insert, delete on forecast_run, forecast, forecast_backtest to ioc_feeds;
