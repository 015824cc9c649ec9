-- Refuses the orders for which too few units are free anywhere.
--
-- ONE statement reads the pools, the rest of every open block and the orders' rows, and writes the refused ones: at that
-- instant no more units were free. A take that is not written yet only makes a sum too high. The row keeps a late copy of
-- the order from being served after the customer was refused. Orders past their deadline end first; the clock is read after
-- the statement's snapshot, so that none is missed.
-- Answers for each order: is (it has a row), refused (short, or of a SKU that is closed), overdue, due (orders that wait are
-- served first, and may leave some), enough, or again (its row came beside this).
create function prove_1(
  ids text[], asked_hashes bigint[], line_of bigint[], line_skus text[], line_units bigint[],
  out dids text[], out states text[], out hashes bigint[], out shorts text[], out sums bigint[],
  out untils timestamptz[], out late text[]
) language plpgsql as $$
begin
  with item as (
    select i.id, i.asked, i.k from unnest(ids, asked_hashes) with ordinality as i (id, asked, k)
  ), line as (
    select l.k, l.sku, l.units from unnest(line_of, line_skus, line_units) as l (k, sku, units)
  ), free as materialized (
    -- By SKU, so that no line is compared with all of them.
    select jsonb_object_agg(p.sku, on_sale_1(p) + (
        select coalesce(sum(b.granted - b.taken - b.handed_back), 0) from block b where b.sku = p.sku and not b.closed
      )) as units,
      jsonb_object_agg(p.sku, true) filter (where p.closed) as closed
    from (select distinct line.sku from line) as s join pool p on p.sku = s.sku
  ), closed as (
    select line.k, min(line.sku) as sku from line, free where free.closed ? line.sku group by line.k
  ), short as (
    select line.k, min(line.sku) as sku from line, free
    where coalesce((free.units ->> line.sku)::bigint, 0) < line.units group by line.k
  ), late as materialized (
    select l.late_skus, l.ids from (select array_agg(distinct short.sku) as skus from short) as s, late_1(s.skus) as l
  ), due as (
    select s.sku from (select distinct short.sku from short) as s where due_1(s.sku)
  ), judged as (
    select item.k, item.id, item.asked, o.id is not null as is_there, o.asked as hash, o.short,
      sum_1(o.units) as sum, o.until,
      case when o.state = 'held' and o.until <= (select clock_timestamp()) then 'overdue' else o.state end as state,
      coalesce(closed.sku, short.sku) as sku, closed.sku is null and due.sku is not null as is_due,
      closed.sku is null and coalesce(short.sku = any (late.late_skus), false) as is_late,
      case when closed.sku is not null then 'closed' else 'refused' end as why
    from item
    cross join late
    left join orders o on o.id = item.id
    left join short on short.k = item.k
    left join closed on closed.k = item.k
    left join due on due.sku = short.sku
  ), refused as (
    insert into orders (id, state, asked, short)
    select judged.id, judged.why, judged.asked, judged.sku from judged
    where not judged.is_there and judged.sku is not null and not judged.is_late and not judged.is_due
    order by judged.id
    on conflict (id) do nothing
    returning orders.id
  )
  select
    array_agg(case
      when judged.is_there then 'is'
      when judged.sku is null then 'enough'
      when judged.is_late then 'overdue'
      when judged.is_due then 'due'
      when refused.id is not null then 'refused'
      else 'again' end order by judged.k),
    array_agg(coalesce(judged.state, judged.why) order by judged.k), array_agg(coalesce(judged.hash, judged.asked) order by judged.k),
    array_agg(coalesce(judged.short, judged.sku) order by judged.k),
    array_agg(judged.sum order by judged.k), array_agg(judged.until order by judged.k),
    (select late.ids from late)
  into dids, states, hashes, shorts, sums, untils, late
  from judged left join refused on refused.id = judged.id;
  if 'is' = any(dids) and 'refused' <> all(dids) then
    -- So that the commit waits for the disk and the standbys as that of the orders did. Who refuses an order has written.
    perform from orders o where o.id = any(ids) order by o.id for update;
  end if;
end
$$;
