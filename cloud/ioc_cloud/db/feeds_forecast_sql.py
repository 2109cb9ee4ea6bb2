"""SQL of forecasts: years of figures out in one go, a night's forecasts in by COPY."""

from typing import Final

# One night at a time.
LOCK: Final = "select pg_advisory_xact_lock(hashtext('ioc-nightly'))"

# One indicator's figures over a time, in versions' order, so that the last of a period is what
# counts; NaN where it was withdrawn. Four arrays in PostgreSQL's binary form, which numpy reads
# whole; rows, or COPY's messages, would be taken apart one by one.
HISTORY: Final = """
select array_send(array_agg(n)), array_send(array_agg(at)), array_send(array_agg(value)),
    array_send(array_agg(simulated))
from (
    select a.n::int4 as n,
        floor(date_part('epoch', f.period_start - %(first)s) / %(step_s)s)::int4 as at,
        coalesce(f.value, 'NaN') as value,
        (f.provenance = 'simulated')::int4 as simulated
    from unnest(%(areas)s::text[]) with ordinality as a (area, n)
    join figure as f on f.area = a.area
    where f.indicator = %(indicator)s and f.period_start >= %(first)s
        and f.period_start < %(end)s
    order by a.n, f.period_start, f.version
) as figures
"""

CLEAR: Final = (
    "delete from forecast where made_on = %(made_on)s",
    "delete from forecast_backtest where made_on = %(made_on)s",
    "delete from forecast_run where made_on = %(made_on)s",
)
FORGET: Final = (
    "delete from forecast where made_on < %(oldest)s",
    "delete from forecast_backtest where made_on < %(oldest)s",
    "delete from forecast_run where made_on < %(oldest)s",
)
ADD_RUNS: Final = """
copy forecast_run (
    indicator, area, made_on, made_at, step, status, vi, en, model, n, since, until, feed, as_of,
    received_at, provenance, detail
) from stdin
"""
ADD_POINTS: Final = """
copy forecast (indicator, area, made_on, start, value, low, high) from stdin
"""
ADD_BACKTESTS: Final = """
copy forecast_backtest (
    indicator, area, made_on, model, champion, origins, wape, mae, inside
) from stdin
"""

LATEST_RUN: Final = """
select indicator, area, made_on, made_at, step, status, vi, en, model, n, since, until, feed,
    as_of, received_at, provenance, detail
from forecast_run
where indicator = %(indicator)s and area = %(area)s
    and (%(made_on)s::date is null or made_on <= %(made_on)s)
order by made_on desc limit 1
"""
PERIODS: Final = """
select start, value, low, high from forecast
where indicator = %(indicator)s and area = %(area)s and made_on = %(made_on)s
order by start
"""
BACKTESTS: Final = """
select model, champion, origins, wape, mae, inside from forecast_backtest
where indicator = %(indicator)s and area = %(area)s and made_on = %(made_on)s
order by champion desc, model
"""
CHAMPIONS: Final = """
select indicator, area, model from forecast_backtest
where made_on = %(made_on)s and champion
"""
FEED_SCORES: Final = """
select day, version, correct, complete, clean, live, grade from feed_quality
where feed = %s order by day desc, version desc limit 1
"""
