-- Changes an order by a rare call: in parts, or as a whole where a batch does not. One transaction for all kinds of calls: pay,
-- ship, cancel, return (on sale), write_off (returned and written off), amend, extend.
--
-- `wanted_skus` are null for a call on the whole order. `closes`: the blocks of the SKUs that it takes are closed first, so
-- that their units are in the pools. An order that is past its deadline expires first, in the same transaction.
--
-- A node makes one at a time: so the numbers of its changes grow as they commit. It locks blocks, the order, and the pools
-- of its SKUs; then it looks at the key, takes, moves and gives.
-- Answers: done; before (it was done before); missing (no row); is (it was never placed); conflict (the key is known for
-- something else); state, lines, sku (as `pick_1`); short, overdue, close (as `look_1`: with `closes` next time); on_hand
-- (fewer units are on hand than are to leave); much (more than a SKU can have); many (keys); closed, limited, nameless (as
-- `rule_1`); unpaid (too many are held).
create function change_1(
  of_node text, of_id text, of_key text, of_kind text, of_body bigint, wanted_skus text[], wanted bigint[], ttl bigint, closes boolean,
  out standing text, out state text, out hash bigint, out short text, out sum bigint, out until timestamptz,
  out moved bigint, out refunded bigint, out late bigint,
  out line_skus text[], out line_wanted bigint[], out line_has bigint[], out overdue text[]
) language plpgsql as $$
declare
  o orders;
  made request;
  picked record;
  looked record;
  ruled record;
  blocks bigint[];
  skus text[];
begin
  moved := 0;
  refunded := 0;
  late := 0;
  perform lane_1(of_node);
  if closes then
    blocks := lock_blocks_1(coalesce(wanted_skus, skus_of_1(of_id)));
  end if;
  select x.* into o from orders x where x.id = of_id for update;
  if not found then
    standing := 'missing';
    return;
  end if;
  state := o.state;
  hash := o.asked;
  short := o.short;
  sum := sum_1(o.units);
  until := o.until;
  if o.skus is null then
    standing := 'is';
    return;
  end if;
  select array_agg(s.sku order by s.sku) into skus from (
    select u.sku from unnest(skus_of_1(of_id)) as u (sku) union select u.sku from unnest(wanted_skus) as u (sku)
  ) as s;
  perform from pool p where p.sku = any (skus) order by p.sku for update;
  if blocks is not null then
    perform collect_1(skus, blocks);
  end if;
  perform lock_counts_1(o, case of_kind when 'amend' then wanted_skus end);
  perform split_1(o);
  if o.state = 'held' and o.until <= clock_timestamp() then
    perform expire_parts_1(of_node, of_id);
    select x.* into o from orders x where x.id = of_id;
    state := o.state;
  end if;
  select r.* into made from request r where r.id = of_id and r.key = of_key;
  if found then
    -- A call on the whole order has one key for its kind. Whether it is a late copy, or asks for what came since, nobody knows.
    standing := case when made.body = of_body and not (of_key = ' ' || of_kind and exists (
      select from part p where p.id = of_id and p.stage = any (stages_1(of_kind)))) then 'before' else 'conflict' end;
    moved := made.moved;
    refunded := made.refunded;
    late := made.late;
    return;
  end if;
  if (select count(*) from request r where r.id = of_id) >= 1000 then
    standing := 'many';
    return;
  end if;
  select p.* into picked from pick_1(of_id, of_kind, wanted_skus, wanted) as p;
  standing := picked.standing;
  if standing <> 'moves' then
    state := case standing when 'state' then picked.state else state end;
    short := picked.state;
    line_skus := picked.line_skus;
    line_wanted := picked.line_wanted;
    line_has := picked.line_has;
    return;
  end if;
  -- What it takes.
  select l.* into looked from (
    select array_agg(m.sku) as skus, array_agg(m.units) as units
    from unnest(picked.skus, picked.froms, picked.moves) as m (sku, stage, units) where m.stage in ('', 'expired')
  ) as t, look_1(t.skus, t.units) as l;
  select m.* into ruled from (
    select array_agg(m.sku) as skus, array_agg(m.units) as units
    from unnest(picked.skus, picked.froms, picked.moves) as m (sku, stage, units) where m.stage in ('', 'expired')
  ) as t, take_more_1(o, t.skus, t.units, of_kind = 'amend') as m;
  if ruled.ruling <> 'placed' then
    standing := ruled.ruling;
    short := ruled.sku;
    overdue := ruled.late;
    return;
  end if;
  standing := case looked.standing when 'enough' then 'done' else looked.standing end;
  overdue := looked.late;
  if standing = 'done' then
    select array_agg(m.sku), array_agg(m.units), array_agg(on_hand_1(p)) into looked.line_skus, looked.line_wanted, looked.line_has
    from unnest(picked.skus, picked.tos, picked.moves) as m (sku, stage, units) join pool p on p.sku = m.sku
    where m.stage = 'shipped' and on_hand_1(p) < m.units;
    if looked.line_skus is not null then
      standing := 'on_hand';
    end if;
    select min(m.sku) into short from unnest(picked.skus, picked.tos, picked.moves) as m (sku, stage, units)
      join pool p on p.sku = m.sku where m.stage = 'returned' and on_hand_1(p) + m.units > 1099511627776;
    if short is not null then
      standing := 'much';
    end if;
    if of_kind = 'amend' and standing = 'done' then
      select min(m.sku) into short from unnest(picked.skus, picked.tos, picked.moves) as m (sku, stage, units)
        join pool p on p.sku = m.sku where m.stage = 'held' and not may_hold_1(p.unpaid, on_hand_1(p), p.held, m.units);
      if short is not null then
        overdue := array(select late_holders_1(array[short]));
        standing := case overdue when '{}' then 'unpaid' else 'overdue' end;
      end if;
    end if;
  end if;
  if standing <> 'done' then
    line_skus := looked.line_skus;
    line_wanted := looked.line_wanted;
    line_has := looked.line_has;
    return;
  end if;
  update orders x set counted = ruled.counts where x.id = of_id and x.counted is distinct from ruled.counts;
  perform move_1(of_id, picked.skus, picked.froms, picked.tos, picked.moves);
  state := state_of_1(of_id);
  if of_kind in ('amend', 'extend') then
    until := case when until is null or ttl is null then null
      else greatest(until, clock_timestamp() + make_interval(secs => ttl / 1e6)) end;
  end if;
  update orders x
  set state = change_1.state, until = change_1.until, seq = nextval('changes'), lane = of_node || '*', at = clock_timestamp()
  where x.id = of_id;
  select coalesce(sum(m.units), 0), coalesce(sum(m.units) filter (where m.stage = 'refunded'), 0),
    coalesce(sum(m.units) filter (where m.origin = 'expired'), 0)
  into moved, refunded, late
  from unnest(picked.froms, picked.tos, picked.moves) as m (origin, stage, units);
  insert into request (id, key, body, moved, refunded, late) values (of_id, of_key, of_body, moved, refunded, late);
  perform tell_1(of_node || '*', case of_kind when 'pay' then 'm' when 'ship' then 's' when 'cancel' then 'c' when 'amend' then 'a'
    when 'extend' then 'e' else 'r' end, array[of_id]);
end
$$;

-- Ends orders in parts that are past their deadline, in one transaction: of those named the first, with some 500 lines. Those that
-- are not past it are left as they are. Says how many of the ids it has looked at: the rest is for the next call.
create function expire_1(of_node text, ids text[]) returns bigint language plpgsql as $$
declare
  late text[];
  looked bigint;
begin
  select count(*) into looked from (
    select sum(l.lines) over (order by l.k rows unbounded preceding) - l.lines as lines_before
    from (
      select i.k, (select count(*) from part x where x.id = i.id) as lines from unnest(ids) with ordinality as i (id, k)
    ) as l
  ) as l where l.lines_before < 500;
  perform lane_1(of_node);
  select array_agg(o.id) into late from (
    select o.id from orders o
    where o.id = any (ids[:looked]) and o.split and o.state = 'held' and o.until <= clock_timestamp() order by o.id for update
  ) as o;
  perform from pool p where p.sku in (select x.sku from part x where x.id = any (late) and x.stage = 'held')
    order by p.sku for update;
  perform from lock_customers_1(array(select o from orders o where o.id = any (late) and o.counted is not null));
  perform expire_parts_1(of_node, l.id) from unnest(late) as l (id);
  return looked;
end
$$;
