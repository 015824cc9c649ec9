-- The number of a batch: what became of a batch whose number is used, and how a number is taken away.

-- What became of a batch that was sent again: an order of it that has no row was not placed by it, and never will be. If its
-- number was taken away, nothing became of any of it.
create function read_1(
  of_node text, of_session bigint, number bigint, item_no bigint[], ids text[], kinds text[],
  out standing text, out dids text[], out states text[], out hashes bigint[], out shorts text[], out sums bigint[],
  out untils timestamptz[], out went_of bigint[], out went_epochs bigint[], out went_units bigint[]
) language plpgsql as $$
declare
  before bigint;
  taken_away bigint;
begin
  select n.last, n.void into before, taken_away from node n where n.name = of_node and n.session = of_session for update;
  if not found then
    standing := 'over';
    return;
  end if;
  if taken_away = number then
    standing := 'void';
    return;
  end if;
  if before < number then
    raise exception 'batch % cannot follow batch %', number, before;
  end if;
  standing := 'read';
  select
    array_agg(case
      when o.id is null then case i.kind when 'place' then 'again' else 'missing' end
      when i.kind = 'place' and (o.node, o.session, o.batch) = (of_node, of_session, number) and o.skus is not null
        then 'placed'
      when i.kind = 'cancel' and (o.end_node, o.end_session, o.end_batch) = (of_node, of_session, number) then 'done'
      when alone_1(o, i.kind) then 'alone'
      else 'is' end order by i.k),
    array_agg(o.state order by i.k), array_agg(o.asked order by i.k), array_agg(o.short order by i.k),
    array_agg(sum_1(o.units) order by i.k), array_agg(o.until order by i.k)
  into dids, states, hashes, shorts, sums, untils
  from (select distinct i.k, i.id, i.kind from unnest(item_no, ids, kinds) as i (k, id, kind)) as i
  left join orders o on o.id = i.id;
  select array_agg(i.k), array_agg(w.epoch), array_agg(w.units) into went_of, went_epochs, went_units
  from (select distinct i.k, i.id, i.kind from unnest(item_no, ids, kinds) as i (k, id, kind)) as i
  join orders o on o.id = i.id, unnest(o.end_epochs, o.end_units) as w (epoch, units)
  where (o.end_node, o.end_session, o.end_batch) = (of_node, of_session, number);
end
$$;

-- Takes the number of a batch away that was not written in time: no copy of it commits any more, since its number is used. So
-- what it had may go in other batches.
-- Answers: void (asked again, too), written (the batch came first), or over (the session is).
create function void_1(of_node text, of_session bigint, number bigint) returns text language plpgsql as $$
declare
  n node;
begin
  select x.* into n from node x where x.name = of_node and x.session = of_session for update;
  if not found then
    return 'over';
  end if;
  if n.last = number - 1 then
    update node x set last = number, void = number where x.name = of_node;
    return 'void';
  end if;
  return case when n.void = number then 'void' else 'written' end;
end
$$;
