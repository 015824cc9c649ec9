-- What is set for a SKU, and what each customer has of it.

-- Locks what customers have of the SKUs of these orders that are counted, in one sequence.
create function lock_customers_1(of_orders orders[]) returns setof customer language plpgsql as $$
begin
  if cardinality(of_orders) = 0 then
    return;
  end if;
  return query
    insert into customer as c (name, sku, units)
    select s.name, s.sku, 0
    from (select distinct o.customer as name, u.sku from unnest(of_orders) as o, unnest(o.counted) as u (sku)) as s
    order by s.name, s.sku
    on conflict (name, sku) do update set units = c.units
    returning c.*;
end
$$;

-- Locks at once all that a change of an order may count: of its SKUs, and of those that an amendment adds. The caller has locked the
-- pools. A second step would lock some of them after others.
create function lock_counts_1(of_order orders, more_skus text[]) returns void language plpgsql as $$
begin
  if of_order.customer is null then
    return;
  end if;
  of_order.counted := array(
    select c.sku from unnest(of_order.counted) as c (sku)
    union select p.sku from pool p where p.sku = any (more_skus) and p.counted
  );
  perform from lock_customers_1(array[of_order]);
end
$$;

-- Whether a new order may have these units, by the rules of its SKUs and by what its customer has.
-- Answers: placed, closed, limited, nameless (it names no customer), with the SKU; or overdue (orders of the customer, past their
-- deadline, have units of it).
create function rule_1(
  of_customer text, want_skus text[], want_units bigint[],
  rule_skus text[], rule_closed boolean[], rule_most bigint[], c_keys text[], c_units bigint[],
  out ruling text, out sku text
) language plpgsql as $$
declare
  line record;
begin
  ruling := 'placed';
  for line in
    select w.sku, sum(w.units) as units, rule_closed[r.k] as closed, rule_most[r.k] as most
    from unnest(want_skus, want_units) as w (sku, units)
    cross join lateral (select array_position(rule_skus, w.sku) as k) as r
    where r.k is not null group by w.sku, r.k order by rule_closed[r.k] desc, w.sku
  loop
    sku := line.sku;
    if line.closed then
      ruling := 'closed';
    elsif line.most is not null and of_customer is null then
      ruling := 'nameless';
    elsif coalesce(c_units[array_position(c_keys, of_customer || chr(10) || line.sku)], 0) + line.units > line.most then
      ruling := case when exists (select from late_of_1(of_customer, line.sku)) then 'overdue' else 'limited' end;
    end if;
    if ruling <> 'placed' then
      return;
    end if;
  end loop;
end
$$;

-- Orders of a customer that are past their deadline, and have units that count.
create function late_of_1(of_customer text, of_sku text) returns setof text language sql stable as $$
  select o.id from orders o
  where o.customer = of_customer and o.state = 'held' and o.until <= (select clock_timestamp()) and of_sku = any (o.counted)
  order by o.until limit 100
$$;

-- Whether an order that is there may take more units, of SKUs that are counted for its customer. Those that are new to it are
-- counted from now on. The caller has locked the order and its pools.
-- Answers as `rule_1`, with `late`: what ends first; and the SKUs of the order that count, with these.
create function take_more_1(
  of_order orders, wanted_skus text[], wanted bigint[], is_amended boolean,
  out ruling text, out sku text, out late text[], out counts text[]
) language plpgsql as $$
declare
  rules record;
  customers record;
  -- Its SKUs; one that it was amended not to have is new to it.
  had text[] := array(select distinct p.sku from part p where p.id = of_order.id);
begin
  counts := of_order.counted;
  select array_agg(p.sku) as skus, array_agg(p.closed and is_amended) as closed,
    -- Of a SKU that it had without being counted it gets no more once the SKU has a limit.
    array_agg(case when p.sku = any (of_order.counted) or is_amended and not p.sku = any (had)
      then p.per_customer when is_amended and p.per_customer is not null then 0 end) as most,
    array_agg(p.sku) filter (where p.counted and is_amended and of_order.customer is not null
      and not p.sku = any (had)) as counts
  into rules from pool p where p.sku = any (wanted_skus) and (p.closed or p.counted);
  ruling := 'placed';
  if rules.skus is null then
    return;
  end if;
  if rules.counts is not null then
    counts := coalesce(counts, '{}') || rules.counts;
    of_order.counted := counts;
  end if;
  select array_agg(c.name || chr(10) || c.sku) as keys, array_agg(c.units) as units
  into customers from lock_customers_1(case when counts is null then '{}'::orders[] else array[of_order] end) as c;
  select r.ruling, r.sku into ruling, sku
  from rule_1(of_order.customer, wanted_skus, wanted, rules.skus, rules.closed, rules.most,
              customers.keys, customers.units) as r;
  if ruling = 'overdue' then
    late := array(select late_of_1(of_order.customer, sku));
  end if;
end
$$;

-- Counts units that an order has more, or fewer, for its customer.
create function count_1(of_id text, skus text[], changes bigint[]) returns void language plpgsql as $$
begin
  insert into customer as c (name, sku, units)
  select o.customer, u.sku, 0
  from orders o, (select u.sku, sum(u.change) as change from unnest(skus, changes) as u (sku, change) group by u.sku) as u
  where o.id = of_id and u.sku = any (o.counted) and u.change <> 0
  order by o.customer, u.sku
  on conflict (name, sku) do update set units = c.units;
  update customer c set units = c.units + u.change
  from orders o, (select u.sku, sum(u.change) as change from unnest(skus, changes) as u (sku, change) group by u.sku) as u
  where o.id = of_id and u.sku = any (o.counted) and u.change <> 0 and c.name = o.customer and c.sku = u.sku;
end
$$;

-- Sets what is set for a SKU. A larger safety stock takes units off sale at once; with `closes` those of nodes, too.
-- A call has a number, drawn from `changes` when it began: a copy of it that comes after a later call changes nothing.
-- Answers: done, same (nothing changed), missing, or close (again, with `closes`).
create function limit_1(
  number bigint, of_sku text, new_safety bigint, is_closed boolean, new_most bigint, new_waiting bigint, new_unpaid smallint, new_low bigint,
  closes boolean
) returns text language plpgsql as $$
declare
  blocks bigint[];
  holds bigint;
begin
  if new_unpaid is not null then
    -- Before all rows. Batches that pay share this lock: so none is under way that this counts as held.
    perform pg_advisory_xact_lock(hashtext('segstock unpaid share'), 'segstock_nodes'::regclass::oid::integer);
  end if;
  if closes then
    blocks := lock_blocks_1(array[of_sku]);
  end if;
  perform from pool p where p.sku = of_sku for update;
  if not found then
    return 'missing';
  end if;
  if exists (select from pool p where p.sku = of_sku and p.limited >= number) then
    return 'done';
  end if;
  if exists (
    select from pool p
    where p.sku = of_sku and (p.safety, p.closed, p.low) = (new_safety, is_closed, new_low)
      and p.per_customer is not distinct from new_most and p.most_waiting is not distinct from new_waiting
      and p.unpaid is not distinct from new_unpaid
  ) then
    update pool p set limited = number where p.sku = of_sku;
    return 'same';
  end if;
  if blocks is not null then
    perform collect_1(array[of_sku], blocks);
  end if;
  if exists (select from pool p where p.sku = of_sku and p.safety < new_safety and p.free < new_safety)
    and exists (select from block b where b.sku = of_sku and not b.closed and b.granted > b.taken + b.handed_back)
  then
    return 'close';
  end if;
  if new_unpaid is not null and exists (select from pool p where p.sku = of_sku and p.unpaid is null) then
    -- Whoever has units of it from a block has committed, or finds it closed. Whoever takes them from the pool waits for its lock.
    if exists (select from block b where b.sku = of_sku and not b.closed) then
      return 'close';
    end if;
    select coalesce(sum(l.units), 0) into holds from (
      select s.units from orders o, unnest(o.skus, o.units) as s (sku, units)
      where strpos('held waiting paid', o.state) > 0 and o.state = 'held' and not o.split and s.sku = of_sku
      union all
      select x.units from orders o join part x on x.id = o.id
      where strpos('held waiting paid', o.state) > 0 and o.state = 'held' and o.split and x.sku = of_sku and x.stage = 'held'
    ) as l;
  else
    select case when new_unpaid is null then 0 else p.held end into holds from pool p where p.sku = of_sku;
  end if;
  update pool p
  set held = holds, safety = new_safety, closed = is_closed, per_customer = new_most, counted = p.counted or new_most is not null,
      most_waiting = new_waiting, unpaid = new_unpaid, low = new_low, limited = number
  where p.sku = of_sku;
  perform wake_1(array[of_sku]);
  return 'done';
end
$$;
