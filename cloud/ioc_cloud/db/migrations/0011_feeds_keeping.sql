-- The worker lets go of deliveries that are older than their contract keeps them.
grant delete on feed_row, feed_parked_row, feed_problem to ioc_feeds;
grant update (original_sha256) on feed_batch to ioc_feeds;
