-- Changes what is on hand of a SKU, once for each key: restock, count, write_off.
--
-- A count takes what is missing of free units, wherever they are; for what is missing beyond these, promised units are owed. It
-- and a write-off take of the pool; with `closes` the blocks of the SKU are closed first.
-- Answers: done; before (it was done before); conflict (the key is known for something else); missing (there is no such
-- SKU); much (more than can be); short, overdue, close (as `look_1`).

-- What was asked of a SKU, and what it changed.
create table shelf (
  sku        text collate "C" not null,
  key        text collate "C" not null,
  body       bigint not null,
  difference bigint not null,
  uncovered  bigint not null,
  -- The number of the sending, if units were sent.
  sent_as    bigint,
  at         timestamptz not null default now(),
  primary key (sku, key)
);
create index shelf_old on shelf (at);

-- What was asked of a SKU under this key: the caller has locked the SKU's pool.
-- Answers: null (nothing: it is to be done); before; conflict (another thing was asked); missing (there is no such SKU).
create function known_1(
  of_sku text, of_key text, of_body bigint, out standing text, out difference bigint, out uncovered bigint, out sent_as bigint
) language sql volatile as $$
  select case when p.sku is null then 'missing' when s.sku is null then null when s.body = of_body then 'before' else 'conflict' end,
    s.difference, s.uncovered, s.sent_as
  from (select of_sku as sku) as w left join pool p on p.sku = w.sku left join shelf s on s.sku = p.sku and s.key = of_key
$$;

-- Whether so many units can leave a SKU, whose pool the caller has locked: also those that are kept for orders that wait.
-- Answers: null (they can); short (of so many: `available`), overdue, close (as `look_1`).
create function may_leave_1(
  of_pool pool, of_units bigint, out standing text, out available bigint, out overdue text[]
) language plpgsql as $$
begin
  if (of_pool).mode = 'queued' then
    available := can_be_had_1(of_pool);
    standing := case when available < of_units then 'short' end;
  else
    select nullif(l.standing, 'enough'), l.line_has[1], l.late into standing, available, overdue
    from look_1(array[(of_pool).sku], array[of_units]) as l;
  end if;
end
$$;

create function shelf_1(
  of_sku text, of_key text, of_kind text, of_body bigint, of_units bigint, closes boolean,
  out standing text, out difference bigint, out uncovered bigint, out available bigint, out overdue text[]
) language plpgsql as $$
declare
  found_pool pool;
  looked record;
  blocks bigint[];
  lost bigint := 0;
begin
  if closes then
    blocks := lock_blocks_1(array[of_sku]);
  end if;
  perform from pool p where p.sku = of_sku for update;
  select k.standing, k.difference, k.uncovered into standing, difference, uncovered from known_1(of_sku, of_key, of_body) as k;
  if standing is not null then
    return;
  end if;
  if blocks is not null then
    perform collect_1(array[of_sku], blocks);
  end if;
  select p.* into found_pool from pool p where p.sku = of_sku;
  difference := case of_kind
    when 'restock' then of_units when 'count' then of_units - on_hand_1(found_pool) else -of_units end;
  uncovered := 0;
  if on_hand_1(found_pool) + difference > 1099511627776 then
    standing := 'much';
    return;
  end if;
  if difference < 0 then
    lost := least(-difference, found_pool.free);
    if of_kind = 'write_off' then
      select l.* into looked from may_leave_1(found_pool, of_units) as l;
      if looked.standing is not null then
        standing := looked.standing;
        available := looked.available;
        overdue := looked.overdue;
        return;
      end if;
    elsif found_pool.mode <> 'queued' and on_sale_1(found_pool) < -difference and exists (
      select from block b where b.sku = of_sku and not b.closed and b.granted > b.taken + b.handed_back
    ) then
      standing := 'close';
      return;
    end if;
    uncovered := -difference - lost;
    update pool p set free = p.free - lost, went = p.went - difference, owed = p.owed + uncovered where p.sku = of_sku;
  elsif difference > 0 then
    update pool p set came = p.came + difference where p.sku = of_sku;
    perform give_1(array[of_sku], array[difference]);
  end if;
  insert into shelf (sku, key, body, difference, uncovered) values (of_sku, of_key, of_body, difference, uncovered);
  standing := 'done';
end
$$;
