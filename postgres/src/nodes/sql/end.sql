-- Ends the sale: nothing is lent or sold any more, and every node hands back what it has.
create function end_1() returns void language plpgsql as $$
begin
  perform from pool p order by p.sku for update;
  update pool p set mode = 'ended' where p.mode <> 'ended';
  perform pg_notify('segstock_nodes', current_schema());
end
$$;

-- The end of a sale: every unit is in exactly one place, and each block has given what orders took from it. One statement.
-- Null, or what is wrong, in words: the block or the SKU.
create function audit_1() returns text language plpgsql
-- It reads everything: unlike the others, it is planned for that.
set enable_seqscan = on set enable_hashjoin = on as $$
declare
  wrong text;
begin
  with piece as (
    select o.id, o.state, o.split, p.sku, p.epoch, p.units
    from orders o, unnest(o.skus, o.epochs, o.units) as p (sku, epoch, units)
  ), gave as (
    select piece.epoch, sum(piece.units) as units from piece where piece.epoch <> 0 group by piece.epoch
  ), line as (
    select piece.sku, piece.state as stage, piece.units from piece where not piece.split
    union all
    select p.sku, p.stage, p.units from part p
  ), out_there as (
    select line.sku, coalesce(sum(line.units) filter (where line.stage in ('held', 'paid')), 0) as promised,
      coalesce(sum(line.units) filter (where line.stage in ('shipped', 'written_off')), 0) as shipped
    from line group by line.sku
  ), sku as (
    select p.sku, p.shipped, p.came - p.went + p.owed as came, coalesce(o.shipped, 0) + p.forgotten as left_with,
      p.free + coalesce(o.promised, 0) + p.shipped as there
    from pool p left join out_there o on o.sku = p.sku
  ), has as (
    select h.customer as name, h.sku, sum(h.units) as units from (
      select o.customer, s.sku, s.units
      from orders o, unnest(o.skus, o.units) as s (sku, units)
      where o.counted is not null and not o.split and o.state in ('held', 'paid', 'shipped') and s.sku = any (o.counted)
      union all
      select o.customer, x.sku, x.units from orders o join part x on x.id = o.id
      where o.counted is not null and o.split and x.stage in ('held', 'waiting', 'paid', 'shipped') and x.sku = any (o.counted)
    ) as h group by h.customer, h.sku
  ), said (line) as (
    select format('block %s of node %s has %s units of SKU %s', b.epoch, b.node, b.granted - b.taken - b.handed_back, b.sku)
      from block b where not b.closed and b.granted - b.taken - b.handed_back > 0
    union all
    select format('block %s of node %s gave %s units, and orders took %s', b.epoch, b.node, b.taken,
        coalesce(gave.units, 0) + b.forgotten)
      from block b left join gave on gave.epoch = b.epoch where b.taken <> coalesce(gave.units, 0) + b.forgotten
    union all
    select format('orders took %s units from block %s, which is not there', gave.units, gave.epoch)
      from gave where not exists (select from block b where b.epoch = gave.epoch)
    union all
    select format('of SKU %s %s units came, and %s are accounted for', s.sku, s.came, s.there) from sku s where s.came <> s.there
    union all
    select format('of SKU %s %s units left, and orders say %s', s.sku, s.shipped, s.left_with)
      from sku s where s.shipped <> s.left_with
    union all
    select format('of SKU %s %s units are held, and orders say %s', p.sku, p.held, l.held)
      from pool p cross join lateral (
        select coalesce((select sum(l.units) from line l where l.sku = p.sku and l.stage = 'held'), 0) as held
      ) as l where p.unpaid is not null and p.held <> l.held
    union all
    select format('customer %s has %s units of SKU %s, and orders say %s', c.name, c.units, c.sku, coalesce(h.units, 0) + c.forgotten)
      from customer c left join has h on h.name = c.name and h.sku = c.sku where c.units <> coalesce(h.units, 0) + c.forgotten
    union all
    select format('customer %s has %s units of SKU %s by orders, and none are counted', h.name, h.units, h.sku)
      from has h where not exists (select from customer c where c.name = h.name and c.sku = h.sku)
    union all
    select format('for SKU %s %s units wait, in the queue %s, and orders say %s', p.sku, p.waiting, w.queued, w.waiting)
      from pool p cross join lateral (
        select coalesce((select sum(q.units) from queue q where q.sku = p.sku), 0) as queued,
          coalesce((select sum(l.units) from line l where l.sku = p.sku and l.stage = 'waiting'), 0) as waiting
      ) as w where p.waiting <> w.queued or p.waiting <> w.waiting
    union all
    select format('of SKU %s %s units are on the way, and sendings have %s', p.sku, p.on_the_way, s.units)
      from pool p cross join lateral (
        select coalesce((select sum(s.units) from sending s where s.from_sku = p.sku), 0) as units
      ) as s where p.on_the_way <> s.units
  )
  select string_agg(said.line, '; ') into wrong from (select said.line from said limit 5) as said;
  return wrong;
end
$$;
