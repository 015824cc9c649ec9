-- Orders whose units are not all equally far, and what was asked of orders with keys.

-- Units of an order that is split: how far they are.
create table part (
  id    text collate "C" not null,
  sku   text collate "C" not null,
  stage text collate "C" not null check (stage in
          ('held', 'waiting', 'paid', 'shipped', 'returned', 'written_off', 'cancelled', 'refunded', 'expired')),
  units bigint not null check (units >= 0),
  primary key (id, sku, stage)
);

-- What was asked of an order, and what it moved: the same again changes nothing. A call on the whole order has a space and its
-- kind as its key.
create table request (
  id       text collate "C" not null,
  key      text collate "C" not null,
  -- What was asked for, as a hash.
  body     bigint not null,
  moved    bigint not null,
  refunded bigint not null default 0,
  late     bigint not null default 0,
  primary key (id, key)
);

-- Whether an item of a batch may have left this order to a transaction of its own.
create function alone_1(o orders, kind text) returns boolean language sql immutable as $$
  select kind <> 'place' and (
    coalesce((o).split, false) or kind = 'pay' and (o).state = 'expired' or kind = 'ship' and (o).state = 'paid')
$$;

-- Which of these SKUs orders hold that are past their deadline, and up to 100 of these orders.
--
-- One look at each overdue order, for all SKUs; the clock is read after the snapshot. Where they have more than 100,000 lines the
-- rest is not looked at: each SKU may have some then, and the oldest orders end first. So nobody is refused too early.
create function late_1(of_skus text[], out late_skus text[], out ids text[]) language plpgsql stable as $$
declare
  wanted jsonb := jsonb_object(of_skus, of_skus);
  late record;
  found_skus text[];
  oldest text[] := '{}';
  seen bigint := 0;
begin
  late_skus := '{}';
  ids := '{}';
  if coalesce(of_skus, '{}') = '{}' then
    return;
  end if;
  for late in
    select o.id, o.skus, o.split from orders o
    where o.state = 'held' and o.until <= (select clock_timestamp()) order by o.until
  loop
    if seen > 100000 then
      late_skus := of_skus;
      ids := case ids when '{}' then oldest else ids end;
      return;
    end if;
    if cardinality(oldest) < 100 then
      oldest := oldest || late.id;
    end if;
    seen := seen + cardinality(late.skus);
    if late.split then
      found_skus := array(select p.sku from part p where p.id = late.id and p.stage = 'held' and wanted ? p.sku);
    elsif wanted ?| late.skus then
      found_skus := array(select s.sku from unnest(late.skus) as s (sku) where wanted ? s.sku);
    else
      continue;
    end if;
    continue when found_skus = '{}';
    late_skus := late_skus || found_skus;
    ids := ids || late.id;
    if cardinality(ids) >= 100 then
      -- One of each of the others is enough.
      wanted := wanted - late_skus;
      exit when wanted = '{}';
    end if;
  end loop;
  ids := ids[:100];
end
$$;

-- Orders that are past their deadline, and hold one of these SKUs.
create function late_holders_1(of_skus text[]) returns setof text language sql stable as $$
  select l.id from late_1(of_skus) as found, unnest(found.ids) as l (id)
$$;

-- The SKUs of an order. Without a lock: an order that is amended may have others later.
create function skus_of_1(of_id text) returns text[] language sql stable as $$
  select array(
    select s.sku from orders o, unnest(o.skus) as s (sku) where o.id = of_id
    union select p.sku from part p where p.id = of_id)
$$;

-- Writes the units of an order by how far they are, and the calls that its state says were made. The caller has its lock.
create function split_1(o orders) returns void language plpgsql as $$
begin
  if (o).split then
    return;
  end if;
  insert into part (id, sku, stage, units)
  select (o).id, s.sku, (o).state, sum(s.units) from unnest((o).skus, (o).units) as s (sku, units) group by s.sku;
  insert into request (id, key, body, moved, refunded)
  select (o).id, ' ' || m.kind, 0, sum_1((o).units),
    case when m.kind = 'cancel' and (o).state = 'refunded' then sum_1((o).units) else 0 end
  from (values ('pay', array['paid', 'shipped', 'refunded']), ('ship', array['shipped']),
               ('cancel', array['cancelled', 'refunded'])) as m (kind, states)
  where (o).state = any (m.states);
  update orders set split = true where id = (o).id;
end
$$;

-- Moves units of an order that is split from stage to stage, and to and from the pools, which the caller has locked. Units
-- that come to the order are from nowhere; those that it does not need any more go there.
create function move_1(of_id text, skus text[], froms text[], tos text[], moves bigint[]) returns void language plpgsql as $$
declare
  given_skus text[];
  given bigint[];
begin
  update part p set units = p.units - m.units
  from (
    select u.sku, u.stage, sum(u.units)::bigint as units from unnest(skus, froms, moves) as u (sku, stage, units)
    group by u.sku, u.stage
  ) as m where p.id = of_id and p.sku = m.sku and p.stage = m.stage;
  insert into part as p (id, sku, stage, units)
  select of_id, u.sku, u.stage, sum(u.units)
  from unnest(skus, tos, moves) as u (sku, stage, units) where u.stage <> '' group by u.sku, u.stage
  on conflict (id, sku, stage) do update set units = p.units + excluded.units;
  delete from part p where p.id = of_id and p.units = 0;
  update pool p
  set free = p.free - m.taken, shipped = p.shipped + m.shipped, held = case when p.unpaid is null then 0 else p.held + m.held end
  from (
    select u.sku, coalesce(sum(u.units) filter (where u.origin in ('', 'expired')), 0) as taken,
      coalesce(sum(u.units) filter (where u.stage = 'shipped'), 0)
        - coalesce(sum(u.units) filter (where u.stage = 'returned'), 0) as shipped,
      coalesce(sum(u.units) filter (where u.stage = 'held'), 0) - coalesce(sum(u.units) filter (where u.origin = 'held'), 0) as held
    from unnest(skus, froms, tos, moves) as u (sku, origin, stage, units) group by u.sku
  ) as m where p.sku = m.sku and (m.taken <> 0 or m.shipped <> 0 or p.unpaid is not null and m.held <> 0);
  perform unqueue_1(of_id, array_agg(u.sku), array_agg(u.units))
  from unnest(skus, froms, moves) as u (sku, origin, units) where u.origin = 'waiting' having count(*) > 0;
  select array_agg(u.sku), array_agg(u.units) into given_skus, given
  from unnest(skus, froms, tos, moves) as u (sku, origin, stage, units)
  where u.origin <> 'waiting' and u.stage in ('', 'cancelled', 'refunded', 'expired', 'returned');
  if given is not null then
    perform give_1(given_skus, given);
  end if;
  if exists (select from orders o where o.id = of_id and o.counted is not null) then
    perform count_1(of_id, array_agg(u.sku), array_agg(case
      when u.origin in ('', 'expired') then u.units
      when u.stage in ('', 'cancelled', 'refunded', 'expired', 'returned', 'written_off') then -u.units
      else 0 end))
    from unnest(skus, froms, tos, moves) as u (sku, origin, stage, units);
  end if;
end
$$;

-- What is said of an order that is split: the first of these that some of its units are.
create function state_of_1(of_id text) returns text language sql stable as $$
  select coalesce((
    select r.state
    from (values (1, 'held', 'held'), (2, 'waiting', 'waiting'), (3, 'paid', 'paid'), (4, 'shipped', 'shipped'),
                 (5, 'returned', 'returned'), (5, 'written_off', 'returned'), (6, 'expired', 'expired'),
                 (7, 'cancelled', 'cancelled'), (7, 'refunded', 'cancelled')) as r (k, stage, state)
    where exists (select from part p where p.id = of_id and p.stage = r.stage)
    order by r.k limit 1), 'cancelled')
$$;

-- The stages at which a call of this kind finds units, in the sequence in which it takes them.
create function stages_1(of_kind text) returns text[] language sql immutable as $$
  select case of_kind
    when 'pay' then array['held', 'expired'] when 'ship' then array['paid'] when 'cancel' then array['waiting', 'held', 'paid']
    when 'return' then array['shipped'] when 'write_off' then array['shipped'] else array['held'] end
$$;

-- Which units of an order, which is split, a call moves: of which SKUs, from where, to where. Those of an amendment are the
-- difference to what it holds. `wanted_skus` are null for all that the call can move.
-- Answers: moves; before (calls on parts left nothing to move); conflict (they did another thing); state (the call is not for an
-- order in this state); lines (the order has fewer units that it could move: these); sku (there is none of this name).
create function pick_1(
  of_id text, of_kind text, wanted_skus text[], wanted bigint[],
  out standing text, out state text, out skus text[], out froms text[], out tos text[], out moves bigint[],
  out line_skus text[], out line_wanted bigint[], out line_has bigint[]
) language plpgsql as $$
declare
  stages text[] := stages_1(of_kind);
begin
  standing := 'moves';
  state := state_of_1(of_id);
  if of_kind in ('amend', 'extend') then
    if of_kind = 'amend' then
      select coalesce(min(r.k || r.state), '0' || pick_1.state) into state
      from part p join (values ('1', 'paid', 'paid'), ('2', 'shipped', 'shipped'), ('3', 'returned', 'returned'),
                               ('3', 'written_off', 'returned')) as r (k, stage, state) on r.stage = p.stage
      where p.id = of_id;
      state := substr(state, 2);
    end if;
    if state <> 'held' then
      standing := 'state';
      return;
    end if;
    select min(w.sku) into state from unnest(wanted_skus) as w (sku) where not exists (select from pool p where p.sku = w.sku);
    if state is not null then
      standing := 'sku';
      return;
    end if;
    select array_agg(l.sku), array_agg(case when l.more > 0 then '' else 'held' end),
      array_agg(case when l.more > 0 then 'held' else '' end), array_agg(abs(l.more))
    into skus, froms, tos, moves
    from (
      select coalesce(w.sku, p.sku) as sku, coalesce(w.units, 0) - coalesce(p.units, 0) as more
      from unnest(wanted_skus, wanted) as w (sku, units)
      full join (select p.sku, p.units from part p where p.id = of_id and p.stage = 'held') as p on p.sku = w.sku
    ) as l where l.more <> 0 and of_kind = 'amend';
    return;
  end if;
  select array_agg(l.sku order by l.sku), array_agg(l.units order by l.sku), array_agg(l.has order by l.sku)
  into line_skus, line_wanted, line_has
  from (
    select w.sku, w.units, coalesce((
      select sum(p.units) from part p where p.id = of_id and p.sku = w.sku and p.stage = any (stages)), 0)::bigint as has
    from unnest(wanted_skus, wanted) as w (sku, units)
  ) as l where l.has < l.units;
  if line_skus is not null then
    standing := 'lines';
    return;
  end if;
  -- Of each SKU, stage by stage, what those before leave.
  select array_agg(l.sku), array_agg(l.stage), array_agg(l.units),
    array_agg(case of_kind when 'pay' then 'paid' when 'ship' then 'shipped' when 'return' then 'returned'
      when 'write_off' then 'written_off' else case l.stage when 'paid' then 'refunded' else 'cancelled' end end)
  into skus, froms, moves, tos
  from (
    select p.sku, p.stage,
      case when wanted_skus is null then p.units else least(p.units, greatest(0, w.units - coalesce(sum(p.units) over (
        partition by p.sku order by array_position(stages, p.stage) rows between unbounded preceding and 1 preceding
      ), 0)))::bigint end as units
    from part p left join unnest(wanted_skus, wanted) as w (sku, units) on w.sku = p.sku
    where p.id = of_id and p.stage = any (stages) and (wanted_skus is null or w.sku is not null)
  ) as l where l.units > 0;
  if moves is null then
    standing := case
      when not state = any (case of_kind
        when 'pay' then array['paid', 'shipped', 'returned'] when 'ship' then array['shipped', 'returned']
        when 'cancel' then array['cancelled'] else array['returned'] end) then 'state'
      -- Whoever pays for the whole order pays for what was cancelled, too.
      when of_kind = 'pay' and exists (
        select from part p where p.id = of_id and p.stage in ('cancelled', 'refunded')) then 'state'
      when of_kind in ('pay', 'ship', 'cancel') or exists (
        select from part p
        where p.id = of_id and p.stage = case of_kind when 'return' then 'returned' else 'written_off' end) then 'before'
      else 'conflict' end;
  end if;
end
$$;

-- Whoever makes a change of an order outside a batch is alone in its node: so the numbers of such changes grow as they commit.
create function lane_1(of_node text) returns void language sql volatile as $$
  select pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || of_node, 0))
$$;

-- Ends the hold of an order that is split. The caller has locked it and its pools.
create function expire_parts_1(of_node text, of_id text) returns void language plpgsql as $$
declare
  held record;
begin
  select array_agg(p.sku) as skus, array_agg(p.stage) as froms, array_agg('expired'::text) as tos, array_agg(p.units) as moves
  into held from part p where p.id = of_id and p.stage = 'held';
  perform move_1(of_id, held.skus, held.froms, held.tos, held.moves);
  update orders o
  set state = state_of_1(of_id), seq = nextval('changes'), lane = of_node || '*', at = clock_timestamp()
  where o.id = of_id;
  perform tell_1(of_node || '*', 'x', array[of_id]);
end
$$;

-- Whether pools, which the caller has locked, have so many units for sale. One statement sums over pools and open blocks.
-- Answers: enough; close (blocks have them: these must be closed first); overdue (orders past their deadline may have them); due
-- (orders that wait are served first, and may leave some); short (with the lines that are).
create function look_1(
  wanted_skus text[], wanted bigint[],
  out standing text, out line_skus text[], out line_wanted bigint[], out line_has bigint[], out late text[]
) language plpgsql as $$
begin
  select
    case
      when not bool_and(l.everywhere >= l.units) then 'short'
      when not bool_and(l.free >= l.units) then 'close'
      else 'enough' end,
    array_agg(l.sku order by l.sku) filter (where l.everywhere < l.units),
    array_agg(l.units order by l.sku) filter (where l.everywhere < l.units),
    array_agg(l.everywhere order by l.sku) filter (where l.everywhere < l.units)
  into standing, line_skus, line_wanted, line_has
  from (
    select w.sku, w.units, on_sale_1(p) as free,
      (on_sale_1(p) + (select coalesce(sum(b.granted - b.taken - b.handed_back), 0) from block b
                       where b.sku = p.sku and not b.closed))::bigint as everywhere
    from unnest(wanted_skus, wanted) as w (sku, units) join pool p on p.sku = w.sku
  ) as l;
  if standing = 'short' then
    late := array(select late_holders_1(line_skus));
    standing := case
      when late <> '{}' then 'overdue'
      when exists (select from unnest(line_skus) as s (sku) where due_1(s.sku)) then 'due'
      else standing end;
  end if;
end
$$;

-- Closes blocks, which the caller has locked with the pools of these SKUs, so that the pools have their units. Nodes are lent
-- only what they ask for, for a moment: what was lent meanwhile comes back soon.
create function collect_1(of_skus text[], blocks bigint[]) returns void language plpgsql as $$
begin
  perform close_1(blocks);
  update pool p set recall_until = greatest(p.recall_until, clock_timestamp() + interval '50 milliseconds')
  where p.sku = any (of_skus);
  perform pg_notify('segstock_nodes', current_schema());
end
$$;
