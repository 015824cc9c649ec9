-- Forgets what ended long ago, a few rows at a time.

-- What is older than this age has its time before this; at most some 95 years, which the calendar of PostgreSQL goes back.
create function before_1(age bigint) returns timestamptz language sql volatile as $$
  select clock_timestamp() - make_interval(secs => least(age, 3000000000000000) / 1e6)
$$;

-- Forgets a few orders that ended so long ago, and what was refused; orders of which units can come back, if their last change
-- is as old as `returns` says, if that is longer; a few keys of SKUs; blocks all of whose orders are
-- forgotten; and customers of whom nothing counts. What they took and shipped stays in sums: the audit balances. Says how
-- many rows went.
--
-- It locks blocks, orders that nobody has locked, pools, and what customers have. A block that is gone is lent a second time
-- by a copy of its lend that comes so late: the node adopts it, as after a reply that was lost.
create function forget_1(older_than bigint, returns bigint, most bigint) returns bigint language plpgsql as $$
declare
  since timestamptz := before_1(older_than);
  shipped_since timestamptz := before_1(greatest(older_than, returns));
  old text[];
  epochs bigint[];
  gone bigint := 0;
  went bigint;
begin
  select array_agg(o.id) into old from (
    (select o.id from orders o where o.state not in ('held', 'waiting', 'paid', 'shipped') and o.at < since order by o.at limit most)
    union all
    (select o.id from orders o where o.state = 'shipped' and o.at < shipped_since order by o.at limit most)
    limit most
  ) as o;
  select array_agg(distinct e.epoch order by e.epoch) into epochs
  from orders o, unnest(o.epochs) as e (epoch) where o.id = any (old) and e.epoch <> 0;
  perform from block b where b.epoch = any (epochs) order by b.epoch for update;
  -- Those that are still so.
  select array_agg(o.id) into old from (
    select o.id from orders o
    where o.id = any (old) and o.state not in ('held', 'waiting', 'paid')
      and o.at < case o.state when 'shipped' then shipped_since else since end
    order by o.id for update skip locked
  ) as o;
  if old is not null then
    update block b set forgotten = b.forgotten + t.units
    from (
      select p.epoch, sum(p.units) as units from orders o, unnest(o.epochs, o.units) as p (epoch, units)
      where o.id = any (old) and p.epoch <> 0 group by p.epoch
    ) as t where b.epoch = t.epoch;
    delete from block b where b.epoch = any (epochs) and b.closed and b.taken = b.forgotten;
    perform from pool p
    where p.sku in (
      select s.sku from orders o, unnest(o.skus) as s (sku) where o.id = any (old) union select p.sku from part p where p.id = any (old)
    ) order by p.sku for update;
    update pool p set forgotten = p.forgotten + t.units
    from (
      select l.sku, sum(l.units) as units
      from (
        select s.sku, s.units from orders o, unnest(o.skus, o.units) as s (sku, units)
        where o.id = any (old) and not o.split and o.state = 'shipped'
        union all
        select x.sku, x.units from part x where x.id = any (old) and x.stage in ('shipped', 'written_off')
      ) as l group by l.sku
    ) as t where p.sku = t.sku;
    -- What customers have is locked last, and in one sequence.
    perform from lock_customers_1(array(select o from orders o where o.id = any (old) and o.counted is not null));
    update customer c set forgotten = c.forgotten + t.units
    from (
      select l.customer, l.sku, sum(l.units) as units
      from (
        select o.customer, s.sku, s.units from orders o, unnest(o.skus, o.units) as s (sku, units)
        where o.id = any (old) and not o.split and o.state = 'shipped' and s.sku = any (o.counted)
        union all
        select o.customer, x.sku, x.units from orders o join part x on x.id = o.id
        where o.id = any (old) and o.split and x.stage = 'shipped' and x.sku = any (o.counted)
      ) as l group by l.customer, l.sku
    ) as t where c.name = t.customer and c.sku = t.sku;
    delete from part p where p.id = any (old);
    delete from request r where r.id = any (old);
    delete from orders o where o.id = any (old);
    get diagnostics gone = row_count;
  end if;
  delete from shelf s where (s.sku, s.key) in (
    select x.sku, x.key from shelf x where x.at < since order by x.at limit most for update skip locked);
  get diagnostics went = row_count;
  gone := gone + went;
  delete from block b where b.epoch in (
    select x.epoch from block x
    where x.closed and x.taken = x.forgotten and x.at < since order by x.epoch limit most for update skip locked);
  get diagnostics went = row_count;
  gone := gone + went;
  delete from customer c where (c.name, c.sku) in (
    select x.name, x.sku from customer x where x.units = 0 order by x.name, x.sku limit most for update skip locked);
  get diagnostics went = row_count;
  return gone + went;
end
$$;
