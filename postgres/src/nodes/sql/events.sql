-- What happened, step by step: a row for each transaction, in the lane of who made it.
--
-- It is written while the orders are locked, and its number drawn then: so what concerns one order has growing numbers, and so
-- has each lane, as its transactions commit. Of SKUs one node tells: what it sees at its heartbeats.

create table event (
  lane  text collate "C" not null,
  seq   bigint not null default nextval('changes'),
  at    timestamptz not null default clock_timestamp(),
  -- What happened, a letter each (as `events.rs` reads them); to which order or SKU; and of a SKU how many units are left.
  whats text not null,
  names text[] not null,
  lefts bigint[],
  primary key (lane, seq)
);
create index event_old on event (at);
-- They are short-lived: no time is spent on making them small, nor on having them elsewhere than in their row.
alter table event alter names set storage external;
alter table event set (toast_tuple_target = 8160);

-- The last of each lane that is kept no more.
create table event_gone (lane text collate "C" primary key, seq bigint not null);

-- Tells what happened, if events are kept.
create function tell_1(of_lane text, of_whats text, of_names text[]) returns void language plpgsql as $$
begin
  if of_whats <> '' and exists (select from segstock_nodes s where s.events > 0) then
    insert into event (lane, whats, names) values (of_lane, of_whats, of_names);
  end if;
end
$$;

-- Sells out, comes back, is low or is so no more: tells it once for each time, by the sums over pools and blocks. The first of the
-- nodes that live does it; and it drops events that are old, a few at a time.
create function watch_1(of_node text) returns void language plpgsql as $$
declare
  keep bigint;
  crossed text[];
begin
  select s.events into keep from segstock_nodes s;
  if keep = 0 or not is_first_1(of_node) then
    return;
  end if;
  perform lane_1(of_node);
  crossed := array(
    select p.sku from pool p cross join lateral (select left_1(p) as left_of) as l
    where (p.is_out, p.is_low) is distinct from (l.left_of = 0, l.left_of < p.low));
  if cardinality(crossed) > 0 then
    perform from pool p where p.sku = any (crossed) order by p.sku for update;
    with seen as (
      select p.sku, p.is_out, p.is_low, p.low, left_1(p) as left_of from pool p where p.sku = any (crossed)
    ), said as (
      update pool p set is_out = seen.left_of = 0, is_low = seen.left_of < seen.low from seen where p.sku = seen.sku
      returning p.sku, seen.is_out as was_out, seen.is_low as was_low, p.is_out, p.is_low, seen.left_of
    ), what as (
      select s.sku, s.left_of, w.what from said s cross join lateral (values
        (case when s.is_low and not s.was_low then 'l' when s.was_low and not s.is_low then 'n' end),
        (case when s.is_out and not s.was_out then 'o' when s.was_out and not s.is_out then 'b' end)) as w (what)
      where w.what is not null
    )
    insert into event (lane, whats, names, lefts)
    select of_node || '*', string_agg(what.what, ''), array_agg(what.sku), array_agg(what.left_of) from what having count(*) > 0;
  end if;
  with old as (
    delete from event e where (e.lane, e.seq) in (
      select x.lane, x.seq from event x where x.at < clock_timestamp() - make_interval(secs => keep / 1e6)
      order by x.at limit 500)
    returning e.lane, e.seq
  )
  insert into event_gone as g (lane, seq) select old.lane, max(old.seq) from old group by old.lane order by old.lane
  on conflict (lane) do update set seq = greatest(g.seq, excluded.seq);
end
$$;

-- Units of a SKU that a new order could have. While orders wait for it: none.
create function left_1(of pool) returns bigint language sql stable as $$
  select case when (of).mode = 'queued' then 0 else on_sale_1(of) + (
    select coalesce(sum(b.granted - b.taken - b.handed_back), 0)::bigint from block b where b.sku = (of).sku and not b.closed) end
$$;
