-- Orders that wait for units.
--
-- While orders wait for a SKU its pool is `queued`: no block of it is open, none is lent, and nothing of it is for sale, though
-- it may have free units. These are for the first who waits. So who is served does not depend on when: the units that come to
-- the pool stay there until `serve_1` gives them out, which any node does, at once or later.

-- Who waits for a SKU, in the sequence of the numbers. A number is drawn while the pools of all SKUs of its order are locked: so
-- in each queue they grow as orders come, and of two orders the same one is first in every queue in which both are.
create table queue (
  sku   text collate "C" not null,
  no    bigint not null,
  id    text collate "C" not null,
  units bigint not null check (units > 0),
  -- How long its units will be held, in microseconds.
  ttl   bigint,
  primary key (sku, no)
);
create index queue_of on queue (id);

-- Whether an order that waits is to be served: it is the first in each of its queues, and each pool has its units.
create function serves_1(of_id text) returns boolean language sql stable as $$
  select coalesce(bool_and(
    p.mode = 'queued' and p.free - p.safety >= q.units
    and not exists (select from queue f where f.sku = q.sku and f.no < q.no)), false)
  from queue q join pool p on p.sku = q.sku where q.id = of_id
$$;

-- Whether the first who waits for this SKU is to be served.
create function due_1(of_sku text) returns boolean language sql stable as $$
  select coalesce((
    select serves_1(f.id) from (select q.id from queue q where q.sku = of_sku order by q.no limit 1) as f), false)
$$;

-- Units of these SKUs came to their pools: if orders wait for one of them, nodes are notified. Their heartbeats see who is due.
create function wake_1(skus text[]) returns void language plpgsql as $$
begin
  if exists (select from pool p where p.sku = any (skus) and p.mode = 'queued') then
    perform pg_notify('segstock_nodes', current_schema());
  end if;
end
$$;

-- Units of an order wait no more: they are served, or not wanted. The caller has locked the order and its pools.
create function unqueue_1(of_id text, skus text[], moves bigint[]) returns void language plpgsql as $$
begin
  delete from queue q using unnest(skus, moves) as u (sku, units) where q.id = of_id and q.sku = u.sku and q.units = u.units;
  update queue q set units = q.units - u.units from unnest(skus, moves) as u (sku, units) where q.id = of_id and q.sku = u.sku;
  update pool p
  set waiting = p.waiting - u.units, mode = case when p.mode = 'queued' and p.waiting = u.units then 'narrow' else p.mode end
  from unnest(skus, moves) as u (sku, units) where p.sku = u.sku;
  perform wake_1(skus);
end
$$;

-- Places an order for which too few units are free in blocks: from the pools if they have all its units, or else it waits.
--
-- With `closes` the blocks of its SKUs are closed first, so that their units are in the pools: nobody waits while a block is
-- open. It locks blocks, the order, its pools, and what its customer has.
-- Answers: done (it is placed, or waits); is (it has a row: of before, or as refused by a limit or since the queue is full);
-- missing (there is no such SKU); close (again, with `closes`); overdue (these end first); due (others are served first); again
-- (its row went beside this).
create function wait_1(
  of_node text, of_id text, of_asked bigint, of_customer text, wanted_skus text[], wanted bigint[], ttl bigint, closes boolean,
  out standing text, out state text, out hash bigint, out short text, out sum bigint, out until timestamptz, out overdue text[]
) language plpgsql as $$
declare
  blocks bigint[];
  fate record;
begin
  perform lane_1(of_node);
  if closes then
    blocks := lock_blocks_1(wanted_skus);
  end if;
  insert into orders (id, state, split, asked, skus, epochs, units, customer, lane)
  values (of_id, 'waiting', true, of_asked, wanted_skus, array_fill(0::bigint, array[cardinality(wanted)]), wanted,
          of_customer, of_node || '*')
  on conflict (id) do nothing;
  if found then
    perform from pool p where p.sku = any (wanted_skus) order by p.sku for update;
    if blocks is not null then
      perform collect_1(wanted_skus, blocks);
    end if;
    select f.* into fate from fate_1(of_id, of_customer, wanted_skus, wanted) as f;
    if fate.ruling in ('placed', 'waits') then
      standing := 'done';
      perform enter_1(of_id, fate.ruling = 'waits', wanted_skus, wanted, ttl);
      perform tell_1(of_node || '*', case fate.ruling when 'waits' then 'w' else 'p' end, array[of_id]);
    elsif fate.ruling in ('refused', 'closed', 'limited', 'nameless', 'full', 'unpaid') then
      update orders o
      set state = fate.ruling, short = fate.sku, split = false, skus = null, epochs = null, units = null, counted = null,
          lane = null
      where o.id = of_id;
    else
      delete from orders o where o.id = of_id;
      standing := fate.ruling;
      short := fate.sku;
      overdue := fate.late;
      return;
    end if;
  end if;
  select case when o.state = 'held' and o.until <= clock_timestamp() then 'overdue' else o.state end, o.asked, o.short,
    sum_1(o.units), o.until
  into state, hash, short, sum, until from orders o where o.id = of_id;
  standing := case when found then coalesce(standing, 'is') else 'again' end;
end
$$;

-- What becomes of a new order that may wait: its row is there, and all is locked.
-- Answers: placed; waits; refused, closed, limited, nameless, full, unpaid; missing, close, overdue, due.
create function fate_1(
  of_id text, of_customer text, wanted_skus text[], wanted bigint[], out ruling text, out sku text, out late text[]
) language plpgsql as $$
declare
  rules record;
  customers record;
  lacks record;
begin
  select min(w.sku) into sku from unnest(wanted_skus) as w (sku) where not exists (select from pool p where p.sku = w.sku);
  if sku is not null then
    ruling := 'missing';
    return;
  end if;
  select array_agg(p.sku) as skus, array_agg(p.closed) as closed, array_agg(p.per_customer) as most,
    array_agg(p.sku) filter (where p.counted and of_customer is not null) as counts
  into rules from pool p where p.sku = any (wanted_skus) and (p.closed or p.counted);
  if rules.skus is not null then
    update orders o set counted = rules.counts where o.id = of_id;
    select array_agg(c.name || chr(10) || c.sku) as keys, array_agg(c.units) as units
    into customers from lock_customers_1(array(select o from orders o where o.id = of_id and o.counted is not null)) as c;
    select r.ruling, r.sku into ruling, sku
    from rule_1(of_customer, wanted_skus, wanted, rules.skus, rules.closed, rules.most, customers.keys, customers.units) as r;
    if ruling <> 'placed' then
      if ruling = 'overdue' then
        late := array(select late_of_1(of_customer, sku));
      end if;
      return;
    end if;
  end if;
  select array_agg(p.sku order by p.sku) filter (where on_sale_1(p) < w.units) as skus,
    min(p.sku) filter (where p.mode = 'ended') as ended, min(p.sku) filter (where p.waiting + w.units > p.most_waiting) as full_up,
    min(p.sku) filter (where not may_hold_1(p.unpaid, on_hand_1(p), p.held, w.units)) as unpaid
  into lacks from unnest(wanted_skus, wanted) as w (sku, units) join pool p on p.sku = w.sku;
  sku := null;
  if lacks.skus is null and lacks.unpaid is null then
    ruling := 'placed';
  elsif lacks.skus is null then
    late := array(select late_holders_1(array[lacks.unpaid]));
    ruling := case late when '{}' then 'unpaid' else 'overdue' end;
    sku := lacks.unpaid;
  elsif lacks.ended is not null then
    ruling := 'refused';
    sku := lacks.ended;
  elsif exists (select from block b where b.sku = any (wanted_skus) and not b.closed) then
    ruling := 'close';
  else
    late := array(select late_holders_1(lacks.skus));
    ruling := case
      when late <> '{}' then 'overdue'
      when exists (select from unnest(lacks.skus) as s (sku) where due_1(s.sku)) then 'due'
      when lacks.full_up is not null then 'full'
      else 'waits' end;
    sku := lacks.full_up;
  end if;
end
$$;

-- Takes the units of a new order from the pools, or puts it into their queues. The caller has locked all.
create function enter_1(of_id text, waits boolean, wanted_skus text[], wanted bigint[], ttl bigint) returns void
language plpgsql as $$
declare
  number bigint := nextval('changes');
begin
  perform count_1(of_id, wanted_skus, wanted);
  if waits then
    insert into part (id, sku, stage, units) select of_id, w.sku, 'waiting', w.units from unnest(wanted_skus, wanted) as w (sku, units);
    insert into queue (sku, no, id, units, ttl)
    select w.sku, number, of_id, w.units, enter_1.ttl from unnest(wanted_skus, wanted) as w (sku, units);
    update pool p set waiting = p.waiting + w.units, mode = case p.mode when 'ended' then 'ended' else 'queued' end
    from unnest(wanted_skus, wanted) as w (sku, units) where p.sku = w.sku;
    update orders o set seq = number, at = clock_timestamp() where o.id = of_id;
  else
    update pool p set free = p.free - w.units, held = case when p.unpaid is null then 0 else p.held + w.units end
    from unnest(wanted_skus, wanted) as w (sku, units) where p.sku = w.sku;
    update orders o
    set state = 'held', split = false, seq = number, at = clock_timestamp(),
        until = clock_timestamp() + make_interval(secs => enter_1.ttl / 1e6)
    where o.id = of_id;
  end if;
end
$$;

-- Serves those who wait for a SKU, one after another, as far as its pool goes: at most so many. Says how many.
--
-- An order is served as a whole, when it is the first in each of its queues. It locks these orders, and their pools.
create function serve_1(of_node text, of_sku text, most bigint) returns bigint language plpgsql as $$
declare
  first record;
  served bigint := 0;
  waiting_ids text[];
begin
  perform lane_1(of_node);
  waiting_ids := array(select q.id from queue q where q.sku = of_sku order by q.no limit most);
  perform from orders o where o.id = any (waiting_ids) order by o.id for update;
  perform from pool p where p.sku in (select q.sku from queue q where q.id = any (waiting_ids)) order by p.sku for update;
  for first in
    select q.id, q.ttl from queue q where q.sku = of_sku and q.id = any (waiting_ids) order by q.no
  loop
    exit when not serves_1(first.id);
    perform serve_one_1(of_node, first.id, first.ttl);
    served := served + 1;
  end loop;
  return served;
end
$$;

-- Gives an order the units that it waits for. The caller has locked it and its pools, which have them.
create function serve_one_1(of_node text, of_id text, ttl bigint) returns void language plpgsql as $$
declare
  waits record;
  is_whole boolean;
begin
  select array_agg(q.sku) as skus, array_agg(q.units) as units into waits from queue q where q.id = of_id;
  perform unqueue_1(of_id, waits.skus, waits.units);
  -- It is served all the same where too many are unpaid, and counts.
  update pool p set free = p.free - u.units, held = case when p.unpaid is null then 0 else p.held + u.units end
  from unnest(waits.skus, waits.units) as u (sku, units) where p.sku = u.sku;
  -- An order of which nothing was cancelled is like any other now.
  is_whole := not exists (select from part x where x.id = of_id and x.stage <> 'waiting')
    and not exists (select from request r where r.id = of_id);
  if is_whole then
    delete from part x where x.id = of_id;
  else
    update part x set stage = 'held' where x.id = of_id and x.stage = 'waiting';
  end if;
  update orders o
  set state = 'held', split = not is_whole, until = clock_timestamp() + make_interval(secs => serve_one_1.ttl / 1e6),
      seq = nextval('changes'), lane = of_node || '*', at = clock_timestamp()
  where o.id = of_id;
  perform tell_1(of_node || '*', 'v', array[of_id]);
end
$$;
