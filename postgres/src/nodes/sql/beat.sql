-- A node's heartbeat: renews the lease, and reads what concerns the session.
--
-- Its open blocks; of their SKUs, and of those named, which are recalled (for how many microseconds more) or not sold from
-- blocks; the SKUs for which somebody who waits is to be served now; and some orders that are past their deadline: those that it
-- placed itself, and those of others after another lease. These are so many at most, and have some 2,000 lines; and whether
-- there may be more.
create function beat_1(
  of_node text, of_session bigint, lease bigint, most_late bigint, known text[],
  out standing text, out open_epochs bigint[], out open_skus text[], out rests bigint[],
  out pool_skus text[], out modes text[], out recalls bigint[], out late text[], out due text[], out has_more boolean
) language plpgsql as $$
begin
  perform from node n where n.name = of_node and n.session = of_session for update;
  if not found then
    standing := 'over';
    return;
  end if;
  standing := 'lives';
  update node n set until = clock_timestamp() + make_interval(secs => lease / 1e6) where n.name = of_node;
  select array_agg(b.epoch), array_agg(b.sku), array_agg(b.granted - b.taken - b.handed_back)
  into open_epochs, open_skus, rests
  from block b where b.node = of_node and b.session = of_session and not b.closed;
  select array_agg(p.sku), array_agg(case when p.mode = 'wide' and p.unpaid is not null then 'narrow' else p.mode end),
    array_agg(greatest((extract(epoch from greatest(p.recall_until, '1970-01-01') - clock_timestamp()) * 1e6)::bigint, 0))
  into pool_skus, modes, recalls
  from (select distinct u.sku from unnest(open_skus || known) as u (sku)) as s join pool p on p.sku = s.sku
  where p.mode <> 'wide' or p.unpaid is not null or p.recall_until > clock_timestamp();
  due := array(select p.sku from pool p where p.mode = 'queued' and due_1(p.sku));
  select array_agg(o.id) filter (where o.lines_before < 2000), count(*) = most_late or max(o.lines_before) >= 2000
  into late, has_more
  from (
    select l.id, sum(l.lines) over (order by l.until, l.id rows unbounded preceding) - l.lines as lines_before
    from (
      select o.id, o.until, cardinality(o.skus) as lines from orders o
      where o.state = 'held' and o.until < (select clock_timestamp())
        and (o.node = of_node or o.until < (select clock_timestamp()) - make_interval(secs => lease / 1e6))
      order by o.until limit most_late
    ) as l
  ) as o;
end
$$;
