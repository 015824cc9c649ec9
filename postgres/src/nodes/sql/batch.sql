-- Writes a batch of a node: what it placed, paid, shipped, cancelled, expired and handed back.
--
-- It has a number. Sent again it changes nothing, and reads what became of it (`read_1`). It locks its blocks, its orders and the
-- pools that it needs; then it decides by these rows, first what gives, then what takes; then it writes. A closed block takes
-- nothing. The usual batch places new orders from open blocks that have enough: it is written in six statements. Each statement
-- costs some 50 microseconds, whatever it does, so the others run only where there is something for them.
--
-- Orders are locked in two steps, each sorted by id: first the rows that are not there are inserted, then those that are
-- there are locked. A batch that waits for another's insert has no row locked that the other one did not see, and waits
-- nowhere else. A batch that waits for a row has all its inserts behind it, and nobody who has that row waits for an insert.
--
-- Each row of the arguments is a line: the number of its item, and what the item is; a placed order has its pieces there, of
-- block `piece_at` in `named`, or of the pool where that is 0. Items are sorted by id, each id once.
-- Answers `over` if the session is; `void` if its number was taken away (`void_1`); else for each item: placed, done (this
-- batch changed it), is (its state), missing (no row), fenced (a block is closed), again (a block is too short), short (a pool
-- is), alone (a transaction of its own changes the order), overdue (its customer has orders that end first).
create function batch_1(
  of_node text, of_session bigint, number bigint, keeps boolean, named bigint[],
  item_no bigint[], ids text[], kinds text[], asked_hashes bigint[], ttls bigint[],
  piece_skus text[], piece_at bigint[], piece_units bigint[],
  back_at bigint[], back_units bigint[], customers text[],
  out standing text, out dids text[], out states text[], out hashes bigint[], out shorts text[], out sums bigint[],
  out untils timestamptz[], out went_of bigint[], out went_epochs bigint[], out went_units bigint[]
) language plpgsql as $$
declare
  is_usual boolean;           -- It places orders from blocks alone.
  blocks bigint[] := named;   -- Their epochs, and more that this locks.
  at_of bigint[];             -- Where a named block is in that list.
  b_skus text[];
  b_open boolean[];
  b_rest bigint[];
  b_taken bigint[];
  b_granted bigint[];
  b_back bigint[];
  pools text[];
  pool_at jsonb;               -- Where a SKU is among the pools: no line is compared with all of them.
  open_at jsonb;               -- Where the block of a SKU is to which units may come.
  p_sale bigint[];            -- What may be taken of them; below 0 where safety stock is short.
  p_change bigint[];
  p_owed bigint[];
  p_shipped bigint[];
  p_unpaid smallint[];         -- The share that may be unpaid, what is on hand, and what is held.
  p_on_hand bigint[];
  p_held bigint[];
  p_before bigint[];
  rule_skus text[];           -- SKUs that are closed, or whose units are counted for each customer.
  rule_closed boolean[];
  rule_most bigint[];
  rule_counts boolean[];
  tells boolean;              -- Events are kept.
  c_keys text[];              -- Customer and SKU, and the units there.
  c_at jsonb;                 -- Where a key is.
  c_units bigint[];
  c_before bigint[];
  items bigint;
  instant timestamptz;        -- Orders whose time was over then are past their deadline.
  inserted bigint;
  unpaid_sku text;
  late_skus text[];           -- Of those of which a share may be unpaid: orders past their deadline hold them.
  locked bigint[] := '{}';
  is_counted boolean;         -- Units of some of them are counted for their customers.
  is_locked boolean[];
  item record;
  ruled record;
  line_skus text[];           -- The lines of an item. As arrays of their own: each is unpacked once.
  line_at bigint[];
  line_units bigint[];
  line_counts jsonb;
  found_at bigint;
  pool_of bigint;
  units_of bigint;
  ends text;
  paid text[] := '{}';
  shipped text[] := '{}';
  not_placed text[] := '{}';
  event_whats text := '';       -- Events: their letters, and the orders' ids.
  event_ids text[];
  to_epochs bigint[];
  to_units bigint[];
begin
  -- Of a batch and its copies one comes here.
  update node n set last = number where n.name = of_node and n.session = of_session and n.last = number - 1;
  if not found then
    select r.* into standing, dids, states, hashes, shorts, sums, untils, went_of, went_epochs, went_units
    from read_1(of_node, of_session, number, item_no, ids, kinds) as r;
    return;
  end if;
  is_usual := cardinality(item_no) > 0 and 0 <> all (piece_at) and cardinality(back_at) = 0;
  if 'pay' = any (kinds) then
    -- Until this ends no unpaid share is set: so it need not lock the pools of what is paid for, which all nodes share.
    perform pg_advisory_xact_lock_shared(hashtext('segstock unpaid share'), 'segstock_nodes'::regclass::oid::integer);
  end if;
  -- Units of orders that end go to a block of this node, as long as it may keep them: the lines of an order never change, so
  -- its row need not be locked to know its SKUs.
  if keeps and kinds && array['cancel', 'expire'] then
    select array_agg(e.epoch order by e.epoch) into blocks from (
      select n.epoch from unnest(named) as n (epoch)
      union
      select b.epoch
      from (
        select distinct s.sku
        from unnest(ids, kinds) as i (id, kind) join orders o on o.id = i.id, unnest(o.skus) as s (sku)
        where i.kind in ('cancel', 'expire')
      ) as s
      join pool p on p.sku = s.sku and p.mode = 'wide' and p.recall_until < clock_timestamp()
      cross join lateral (
        -- `is not distinct` keeps from a plan that looks at all blocks of the node, here and below.
        select b.epoch from block b
        where b.sku = s.sku and not b.closed
          and (b.node, b.session) is not distinct from (of_node, of_session)
        order by b.epoch desc limit 1
      ) as b
    ) as e;
  end if;
  blocks := coalesce(blocks, '{}');
  -- Locks the blocks, by epoch.
  select array_agg(b.sku order by n.k),
    array_agg(coalesce(not b.closed and b.node = of_node and b.session = of_session, false) order by n.k),
    array_agg(b.granted - b.taken - b.handed_back order by n.k)
  into b_skus, b_open, b_rest
  from unnest(blocks) with ordinality as n (epoch, k)
  left join (select l.* from block l where l.epoch = any (blocks) order by l.epoch for update) as b on b.epoch = n.epoch;
  if cardinality(blocks) > 0 then
    b_taken := array_fill(0::bigint, array[cardinality(blocks)]);
    b_granted := b_taken;
    b_back := b_taken;
  end if;
  select array_agg(p.sku), array_agg(p.closed), array_agg(p.per_customer), array_agg(p.counted),
    (select s.events > 0 from segstock_nodes s)
  into rule_skus, rule_closed, rule_most, rule_counts, tells
  from (select distinct i.sku from unnest(piece_skus) as i (sku) where i.sku is not null) as s
  join pool p on p.sku = s.sku where p.closed or p.counted;
  -- Orders: those that are not there.
  with new as (
    insert into orders (id, state, asked, skus, epochs, units, customer, counted, until, node, session, batch, lane)
    select i.id, case i.kind when 'place' then 'held' else 'cancelled' end, i.asked,
      case i.kind when 'place' then array_agg(i.sku) end,
      case i.kind when 'place' then array_agg(case i.place when 0 then 0 else named[i.place] end) end,
      case i.kind when 'place' then array_agg(i.units) end, i.customer,
      case when i.customer is not null and rule_skus is not null then
        array_agg(distinct i.sku) filter (where rule_counts[array_position(rule_skus, i.sku)]) end,
      clock_timestamp() + make_interval(secs => i.ttl / 1e6), of_node, of_session, number,
      case i.kind when 'place' then of_node end
    from unnest(item_no, ids, kinds, asked_hashes, ttls, piece_skus, piece_at, piece_units, customers)
      as i (k, id, kind, asked, ttl, sku, place, units, customer)
    where i.kind in ('place', 'cancel')
    group by i.k, i.id, i.kind, i.asked, i.ttl, i.customer
    order by i.id
    on conflict (id) do nothing
    returning id, asked, until, (select sum(u.units)::bigint from unnest(orders.units) as u (units)) as sum
  )
  select count(*), array_agg(n.id order by n.id), array_agg(n.asked order by n.id), array_agg(n.sum order by n.id),
    array_agg(n.until order by n.id)
  into inserted, event_ids, hashes, sums, untils from new as n;
  items := item_no[cardinality(item_no)];
  -- The usual batch: no more is to be decided than whether its blocks have it.
  if is_usual and inserted = items and rule_skus is null then
    for i in 1 .. cardinality(piece_at) loop
      b_taken[piece_at[i]] := b_taken[piece_at[i]] + piece_units[i];
    end loop;
    for i in 1 .. cardinality(named) loop
      is_usual := is_usual and b_open[i] and b_taken[i] <= b_rest[i];
    end loop;
    if is_usual then
      update block b set taken = b.taken + n.taken from unnest(named, b_taken) as n (epoch, taken) where b.epoch = n.epoch;
      standing := 'written';
      dids := array_fill('placed'::text, array[items::integer]);
      states := array_fill('held'::text, array[items::integer]);
      shorts := array_fill(null::text, array[items::integer]);
      if tells then
        perform tell_1(of_node, repeat('p', items::integer), event_ids);
      end if;
      return;
    end if;
    b_taken := b_back;
  end if;
  event_ids := '{}';
  -- Those that are. A row that comes after this is missing: it is not locked.
  if inserted < items then
    is_locked := array_fill(false, array[items::integer]);
    select array_agg(l.k), bool_or(l.counted is not null) into locked, is_counted from (
      select i.k, o.counted
      from (select distinct i.k, i.id from unnest(item_no, ids) as i (k, id)) as i join orders o on o.id = i.id
      where (o.node, o.session, o.batch) is distinct from (of_node, of_session, number)
      order by o.id for update of o
    ) as l;
    foreach found_at in array coalesce(locked, '{}') loop
      is_locked[found_at] := true;
    end loop;
  end if;
  -- Both are sorted.
  select array_agg(e.k order by e.k) filter (where e.is_named) into at_of from (
    select row_number() over (order by u.epoch) as k, bool_or(u.is_named) as is_named
    from (
      select n.epoch, true as is_named from unnest(named) as n (epoch)
      union all select b.epoch, false from unnest(blocks) as b (epoch)
    ) as u group by u.epoch
  ) as e;
  -- Pools. An order that is paid for needs none, but where a share may be unpaid, or if it is past its deadline.
  instant := clock_timestamp();
  select array_agg(distinct s.sku order by s.sku) into pools from (
    select i.sku from unnest(piece_skus, piece_at) as i (sku, place) where i.place = 0 and i.sku is not null
    union all
    select b_skus[at_of[h.place]] from unnest(back_at) as h (place)
    union all
    select s.sku
    from unnest(ids, kinds) as i (id, kind) join orders o on o.id = i.id, unnest(o.skus) as s (sku)
    where i.kind <> 'place' and o.state in ('held', 'paid') and not o.split and (
      i.kind <> 'pay' or o.until <= instant or exists (select from pool p where p.sku = s.sku and p.unpaid is not null)
    )
  ) as s where s.sku is not null;
  pools := coalesce(pools, '{}');
  if cardinality(pools) > 0 then
    perform from pool p where p.sku = any (pools) order by p.sku for update;
    select array_agg(case when p.mode not in ('queued', 'ended') then p.free - p.safety else -1125899906842624 end order by s.k),
      array_agg(coalesce(p.owed, 0) order by s.k), array_agg(p.unpaid order by s.k), array_agg(on_hand_1(p) order by s.k),
      array_agg(coalesce(p.held, 0) order by s.k), jsonb_object_agg(s.sku, s.k)
    into p_sale, p_owed, p_unpaid, p_on_hand, p_held, pool_at
    from unnest(pools) with ordinality as s (sku, k) left join pool p on p.sku = s.sku;
    p_change := array_fill(0::bigint, array[cardinality(pools)]);
    p_shipped := p_change;
    p_before := p_held;
  end if;
  if keeps and cardinality(blocks) > 0 then
    select jsonb_object_agg(n.sku, n.k) into open_at from (
      select b.sku, max(b.k) as k from unnest(b_skus, b_open) with ordinality as b (sku, is_open, k) where b.is_open group by b.sku
    ) as n;
  end if;
  -- Customers, of whom units are counted.
  if is_counted or rule_skus is not null then
    select array_agg(c.name || chr(10) || c.sku order by c.name, c.sku), array_agg(c.units order by c.name, c.sku),
      jsonb_object_agg(c.name || chr(10) || c.sku, c.k)
    into c_keys, c_units, c_at
    from (
      select l.*, row_number() over (order by l.name, l.sku) as k
      from lock_customers_1(array(
        select o from (select distinct i.id from unnest(ids) as i (id)) as i join orders o on o.id = i.id where o.counted is not null
      )) as l
    ) as c;
  end if;
  c_before := c_units;
  -- All is locked: decides.
  standing := 'written';
  went_of := '{}';
  went_epochs := '{}';
  went_units := '{}';
  for item in
    select i.*, o.state, o.asked as hash, o.short, o.until, o.skus as has_skus, o.units as has_units, o.customer, o.counted,
      case
        when i.kind = 'place' and o.skus is not null then i.units
        else (select sum(u.units)::bigint from unnest(o.units) as u (units)) end as sum,
      o.split or i.kind = 'pay' and o.state = 'expired' as is_alone,
      coalesce((o.node, o.session, o.batch) = (of_node, of_session, number), false) as is_new,
      coalesce(o.state = 'held' and o.until <= instant, false) as is_overdue
    from (
      select i.k, i.id, i.kind, array_agg(i.sku) as want_skus, array_agg(i.place) as want_at,
        array_agg(i.units) as want_units, sum(i.units)::bigint as units
      from unnest(item_no, ids, kinds, piece_skus, piece_at, piece_units) as i (k, id, kind, sku, place, units)
      group by i.k, i.id, i.kind
    ) as i left join orders o on o.id = i.id
    order by i.kind = 'place', i.k
  loop
    if not item.is_new and not coalesce(is_locked[item.k], false) then
      dids[item.k] := 'missing';
      states[item.k] := null;
      hashes[item.k] := null;
      shorts[item.k] := null;
      sums[item.k] := null;
      untils[item.k] := null;
      continue;
    end if;
    dids[item.k] := 'is';
    states[item.k] := case when item.is_overdue then 'overdue' else item.state end;
    hashes[item.k] := item.hash;
    shorts[item.k] := item.short;
    sums[item.k] := item.sum;
    untils[item.k] := item.until;
    line_counts := jsonb_object(item.counted, item.counted);
    if item.kind = 'place' and item.is_new then
      line_skus := item.want_skus;
      line_at := item.want_at;
      line_units := item.want_units;
      dids[item.k] := 'placed';
      states[item.k] := 'held';
      unpaid_sku := null;
      for i in 1 .. cardinality(line_at) loop
        found_at := line_at[i];
        if found_at = 0 then
          found_at := (pool_at ->> line_skus[i])::bigint;
          if p_sale[found_at] < line_units[i] then
            dids[item.k] := 'short';
          elsif unpaid_sku is null and not may_hold_1(
            p_unpaid[found_at], p_on_hand[found_at] - p_shipped[found_at], p_held[found_at], line_units[i])
          then
            unpaid_sku := line_skus[i];
          end if;
        else
          found_at := at_of[found_at];
          if not b_open[found_at] then
            dids[item.k] := 'fenced';
          elsif b_rest[found_at] < line_units[i] then
            dids[item.k] := 'again';
          end if;
        end if;
        exit when dids[item.k] <> 'placed';
      end loop;
      if dids[item.k] = 'placed' and rule_skus is not null then
        select r.* into ruled
        from rule_1(item.customer, item.want_skus, item.want_units, rule_skus, rule_closed, rule_most, c_keys, c_units) as r;
        dids[item.k] := ruled.ruling;
        shorts[item.k] := ruled.sku;
      end if;
      if dids[item.k] = 'placed' and unpaid_sku is not null then
        -- Once for all orders: what is overdue later was not overdue at that instant.
        if late_skus is null then
          select l.late_skus into late_skus
          from late_1(array(select u.sku from unnest(pools, p_unpaid) as u (sku, unpaid) where u.unpaid is not null)) as l;
        end if;
        dids[item.k] := case when unpaid_sku = any (late_skus) then 'overdue' else 'unpaid' end;
        shorts[item.k] := unpaid_sku;
      end if;
      if dids[item.k] in ('closed', 'limited', 'nameless', 'unpaid') then
        states[item.k] := dids[item.k];
        dids[item.k] := 'is';
        sums[item.k] := null;
        update orders o
        set state = states[item.k], short = shorts[item.k], skus = null, epochs = null, units = null, counted = null,
            lane = null
        where o.id = item.id;
        continue;
      end if;
      if dids[item.k] <> 'placed' then
        not_placed := not_placed || item.id;
        states[item.k] := null;
        continue;
      end if;
      event_whats := event_whats || 'p';
      event_ids := event_ids || item.id;
      for i in 1 .. cardinality(line_at) loop
        found_at := line_at[i];
        units_of := line_units[i];
        if found_at = 0 then
          found_at := (pool_at ->> line_skus[i])::bigint;
          p_sale[found_at] := p_sale[found_at] - units_of;
          p_change[found_at] := p_change[found_at] - units_of;
          p_held[found_at] := p_held[found_at] + units_of;
        else
          found_at := at_of[found_at];
          b_rest[found_at] := b_rest[found_at] - units_of;
          b_taken[found_at] := b_taken[found_at] + units_of;
        end if;
        if line_counts ? line_skus[i] then
          found_at := (c_at ->> (item.customer || chr(10) || line_skus[i]))::bigint;
          c_units[found_at] := c_units[found_at] + units_of;
        end if;
      end loop;
      continue;
    end if;
    continue when item.kind = 'place';
    if item.is_alone and (item.kind <> 'expire' or item.is_overdue) then
      dids[item.k] := 'alone';
      continue;
    end if;
    line_skus := item.has_skus;
    line_units := item.has_units;
    ends := null;
    if item.is_overdue then
      ends := 'expired';
      -- A late payment takes the units again.
      dids[item.k] := case item.kind when 'pay' then 'alone' else 'is' end;
    elsif item.kind = 'cancel' and item.state = 'held' then
      ends := 'cancelled';
    elsif item.kind = 'cancel' and item.state = 'paid' then
      ends := 'refunded';
    elsif item.kind = 'pay' and item.state = 'held' then
      paid := paid || item.id;
      event_whats := event_whats || 'm';
      event_ids := event_ids || item.id;
      dids[item.k] := 'done';
      states[item.k] := 'paid';
      for i in 1 .. cardinality(line_skus) loop
        found_at := (pool_at ->> line_skus[i])::bigint;
        continue when found_at is null;
        p_held[found_at] := p_held[found_at] - line_units[i];
      end loop;
    elsif item.kind = 'ship' and item.state = 'paid' then
      if exists (
        select from unnest(line_skus) as l (sku) where p_owed[(pool_at ->> l.sku)::bigint] > 0
      ) then
        -- Fewer units may be there than are promised.
        dids[item.k] := 'alone';
        continue;
      end if;
      for i in 1 .. cardinality(line_skus) loop
        found_at := (pool_at ->> line_skus[i])::bigint;
        p_shipped[found_at] := p_shipped[found_at] + line_units[i];
      end loop;
      shipped := shipped || item.id;
      event_whats := event_whats || 's';
      event_ids := event_ids || item.id;
      dids[item.k] := 'done';
      states[item.k] := 'shipped';
    end if;
    continue when ends is null;
    -- Its units pay first what is owed. The rest goes to an open block of this node, or to the pool: where safety
    -- stock is short, too. Never to the block that they came from, which may be closed.
    states[item.k] := ends;
    if ends <> 'expired' then
      dids[item.k] := 'done';
    end if;
    event_whats := event_whats || case ends when 'expired' then 'x' else 'c' end;
    event_ids := event_ids || item.id;
    to_epochs := '{}';
    to_units := '{}';
    for i in 1 .. cardinality(line_skus) loop
      if line_counts ? line_skus[i] then
        found_at := (c_at ->> (item.customer || chr(10) || line_skus[i]))::bigint;
        c_units[found_at] := c_units[found_at] - line_units[i];
      end if;
      found_at := (pool_at ->> line_skus[i])::bigint;
      if item.state = 'held' then
        p_held[found_at] := p_held[found_at] - line_units[i];
      end if;
      units_of := line_units[i] - least(p_owed[found_at], line_units[i]);
      p_owed[found_at] := p_owed[found_at] - line_units[i] + units_of;
      continue when units_of = 0;
      pool_of := found_at;
      found_at := (open_at ->> line_skus[i])::bigint;
      if found_at is null or p_sale[pool_of] < 0 then
        found_at := pool_of;
        p_sale[found_at] := p_sale[found_at] + units_of;
        p_change[found_at] := p_change[found_at] + units_of;
      else
        b_rest[found_at] := b_rest[found_at] + units_of;
        b_granted[found_at] := b_granted[found_at] + units_of;
        to_epochs := to_epochs || blocks[found_at];
        to_units := to_units || units_of;
        went_of := went_of || item.k;
        went_epochs := went_epochs || blocks[found_at];
        went_units := went_units || units_of;
      end if;
    end loop;
    update orders o
    set state = ends, end_node = of_node, end_session = of_session, end_batch = number,
        end_epochs = to_epochs, end_units = to_units, seq = nextval('changes'), lane = of_node, at = clock_timestamp()
    where o.id = item.id;
  end loop;
  -- What is handed back, as far as its block has it. A block without a rest is closed.
  for i in 1 .. cardinality(back_at) loop
    found_at := at_of[back_at[i]];
    continue when not b_open[found_at];
    units_of := least(back_units[i], b_rest[found_at]);
    b_rest[found_at] := b_rest[found_at] - units_of;
    b_back[found_at] := b_back[found_at] + units_of;
    b_open[found_at] := b_rest[found_at] > 0;
    found_at := (pool_at ->> b_skus[found_at])::bigint;
    p_change[found_at] := p_change[found_at] + units_of - least(p_owed[found_at], units_of);
    p_owed[found_at] := p_owed[found_at] - least(p_owed[found_at], units_of);
  end loop;
  -- Writes what has changed.
  if c_units is distinct from c_before then
    update customer c set units = n.units
    from unnest(c_keys, c_units, c_before) as n (key, units, before)
    where n.units <> n.before and c.name = split_part(n.key, chr(10), 1) and c.sku = split_part(n.key, chr(10), 2);
  end if;
  if cardinality(not_placed) > 0 then
    delete from orders o where o.id = any (not_placed);
  end if;
  if cardinality(paid || shipped) > 0 then
    update orders o
    set state = n.state, seq = nextval('changes'), lane = of_node, at = clock_timestamp()
    from (
      select p.id, 'paid' as state from unnest(paid) as p (id) union all select s.id, 'shipped' from unnest(shipped) as s (id)
    ) as n where o.id = n.id;
  end if;
  if cardinality(blocks) > 0 then
    update block b
    set taken = b.taken + n.taken, granted = b.granted + n.granted, handed_back = b.handed_back + n.back,
        closed = b.closed or not n.is_open
    from unnest(blocks, b_taken, b_granted, b_back, b_open) as n (epoch, taken, granted, back, is_open)
    where b.epoch = n.epoch and (b.node, b.session) is not distinct from (of_node, of_session)
      and (n.taken > 0 or n.granted > 0 or n.back > 0 or not n.is_open and not b.closed);
  end if;
  if cardinality(pools) > 0 then
    update pool p
    set free = p.free + n.change, owed = n.owed, shipped = p.shipped + n.shipped,
        held = case when p.unpaid is null then 0 else p.held + n.held end,
        mode = case when p.mode = 'narrow' and p.free + n.change - p.safety >= 2 * p.narrow then 'wide' else p.mode end
    from (
      select u.sku, u.change, u.owed, u.shipped, u.held - u.before as held
      from unnest(pools, p_change, p_owed, p_shipped, p_held, p_before) as u (sku, change, owed, shipped, held, before)
    ) as n
    where p.sku = n.sku and (n.change <> 0 or n.owed <> p.owed or n.shipped > 0 or p.unpaid is not null and n.held <> 0);
    perform wake_1(array(select n.sku from unnest(pools, p_change) as n (sku, change) where n.change > 0));
  end if;
  if tells then
    perform tell_1(of_node, event_whats, event_ids);
  end if;
end
$$;
