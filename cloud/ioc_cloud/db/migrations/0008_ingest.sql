-- What makes an event cheaper to store.

-- No query asks by `geog`: lists go by time and compare lon and lat. Its index took a tenth
-- of what it costs to store an event. The column stays.
drop index event_geog_idx;

-- Ends a transaction that takes its events for new ones where a seq has been seen before,
-- so that a whole batch can be sent without waiting for an answer in between.
create function ioc_refuse_seen(boxes text[], epochs uuid[], seqs text[]) returns void
language plpgsql as $$
begin
    if exists (
        select from unnest(boxes, epochs, seqs) as b (box, epoch, seqs)
        join box_sequence as s using (box, epoch)
        where s.seen && b.seqs::int8multirange
    ) then
        raise exception 'seen before' using errcode = 'IC001';
    end if;
end
$$;
