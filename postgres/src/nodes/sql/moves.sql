-- Moves units from one SKU to another, at once or on a way, once for each key of the SKU that a call names first.

-- Units that were sent, and have not arrived.
create table sending (
  no       bigint primary key,
  from_sku text collate "C" not null,
  to_sku   text collate "C" not null,
  units    bigint not null check (units > 0)
);
create index sending_to on sending (to_sku);
create index sending_from on sending (from_sku);

-- Moves or sends units that are for sale. With `closes` the blocks of the SKU that they leave are closed first.
-- Answers: done; before; conflict (the key is known for something else); missing, nowhere (there is no SKU of the first name, of
-- the second); much (more than can be); short, overdue, close (as `look_1`).
create function leave_for_1(
  of_sku text, to_sku text, of_key text, of_kind text, of_body bigint, of_units bigint, closes boolean,
  out standing text, out difference bigint, out uncovered bigint, out available bigint, out overdue text[], out sent_as bigint
) language plpgsql as $$
declare
  found_pool pool;
  there pool;
  blocks bigint[];
begin
  if closes then
    blocks := lock_blocks_1(array[of_sku]);
  end if;
  perform from pool p where p.sku in (of_sku, to_sku) order by p.sku for update;
  select k.standing, k.difference, k.uncovered, k.sent_as into standing, difference, uncovered, sent_as
  from known_1(of_sku, of_key, of_body) as k;
  if standing is not null then
    return;
  end if;
  select p.* into there from pool p where p.sku = to_sku;
  if not found then
    standing := 'nowhere';
    return;
  end if;
  if blocks is not null then
    perform collect_1(array[of_sku], blocks);
  end if;
  select p.* into found_pool from pool p where p.sku = of_sku;
  if of_kind = 'move' and on_hand_1(there) + of_units > 1099511627776 then
    standing := 'much';
    return;
  end if;
  select l.standing, l.available, l.overdue into standing, available, overdue from may_leave_1(found_pool, of_units) as l;
  if standing is not null then
    return;
  end if;
  difference := -of_units;
  uncovered := 0;
  if of_kind = 'send' then
    sent_as := nextval('changes');
    insert into sending values (sent_as, of_sku, to_sku, of_units);
  end if;
  update pool p
  set free = p.free - of_units, went = p.went + of_units,
      on_the_way = p.on_the_way + case of_kind when 'send' then of_units else 0 end
  where p.sku = of_sku;
  if of_kind = 'move' then
    update pool p set came = p.came + of_units where p.sku = to_sku;
    perform give_1(array[to_sku], array[of_units]);
  end if;
  insert into shelf (sku, key, body, difference, uncovered, sent_as) values (of_sku, of_key, of_body, difference, 0, sent_as);
  standing := 'done';
end
$$;

-- Of a sending so many units came to a SKU, and so many were lost on the way.
-- Answers: done; before; conflict; missing; unknown (no units of it are on their way to this SKU); on_way (fewer are: `available`);
-- much (more than can be).
create function arrive_1(
  of_sku text, of_key text, of_body bigint, of_sending bigint, of_units bigint, lost bigint,
  out standing text, out difference bigint, out uncovered bigint, out available bigint, out overdue text[], out sent_as bigint
) language plpgsql as $$
declare
  sent sending;
begin
  -- Where it comes from never changes. Who changes the row has the locks of both pools.
  perform from pool p
  where p.sku = of_sku or p.sku = (select s.from_sku from sending s where s.no = of_sending and s.to_sku = of_sku)
  order by p.sku for update;
  select k.standing, k.difference, k.uncovered into standing, difference, uncovered from known_1(of_sku, of_key, of_body) as k;
  if standing is not null then
    return;
  end if;
  select s.* into sent from sending s where s.no = of_sending and s.to_sku = of_sku;
  available := sent.units;
  standing := case
    when available is null then 'unknown'
    when available < of_units + lost then 'on_way'
    when exists (select from pool p where p.sku = of_sku and on_hand_1(p) + of_units > 1099511627776) then 'much' end;
  if standing is not null then
    return;
  end if;
  if sent.units = of_units + lost then
    delete from sending s where s.no = of_sending;
  else
    update sending s set units = s.units - of_units - lost where s.no = of_sending;
  end if;
  update pool p set on_the_way = p.on_the_way - of_units - lost where p.sku = sent.from_sku;
  if of_units > 0 then
    update pool p set came = p.came + of_units where p.sku = of_sku;
    perform give_1(array[of_sku], array[of_units]);
  end if;
  difference := of_units;
  uncovered := 0;
  insert into shelf (sku, key, body, difference, uncovered) values (of_sku, of_key, of_body, difference, 0);
  standing := 'done';
end
$$;
