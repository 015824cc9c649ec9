-- The tables of segstock-postgres. It may run again at any time: what is there stays.
--
-- What it needs of the server: READ COMMITTED, which is the default; `fsync` and `synchronous_commit` on, or a crash
-- forgets sales that were answered; autovacuum on. A hot row leaves a dead version for each order: pages are filled by
-- half, so that the next version finds room beside it and no index changes, and autovacuum comes by number, not by share.

select pg_advisory_xact_lock(7305809913301463409);

-- A stock is one row, or several parts.
create table if not exists segstock_stock (
  name  text collate "C" not null,
  part  integer not null,
  units bigint not null check (units >= 0),
  -- The attempt that made it, so that a retry knows its own.
  made  bigint not null,
  -- How far its clock is ahead of the server's; for tests.
  ahead interval not null default '0',
  primary key (name, part)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- What became of each id: sold, put, refused, held, confirmed, released, expired.
create table if not exists segstock_order (
  stock text collate "C" not null,
  id    text collate "C" not null,
  state text collate "C" not null,
  units bigint not null,
  -- The deadline of a hold.
  until timestamptz,
  -- When it was written, or changed last.
  at    timestamptz not null default now(),
  primary key (stock, id)
);

-- Holds by deadline.
create index if not exists segstock_order_held on segstock_order (stock, until) where state = 'held';
-- Old ids, to forget them: rows that were written together lie together.
create index if not exists segstock_order_at on segstock_order using brin (at);

-- The blocks of the nodes that sell from a pool: part 0 of their stock is what is free.
create table if not exists segstock_block (
  stock   text collate "C" not null,
  epoch   bigint generated always as identity,
  node    bigint not null,
  granted bigint not null,
  taken   bigint not null check (taken between 0 and granted),
  primary key (stock, epoch),
  -- A node has one.
  unique (stock, node)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Decides a batch of orders, each id in it once. The number in its name is its version: it is never replaced.
-- Answers for each order: its state, the units for which the id is known, the units in stock if it was refused now or -1.
do $do$
begin
  if to_regprocedure('segstock_batch_2(text, text[], boolean[], bigint[], boolean, bigint)') is null then
    create function segstock_batch_2(
      stock_name text, ids text[], restocks boolean[], wanted bigint[], remembers boolean, most bigint,
      out states text[], out known bigint[], out left_over bigint[]
    ) language plpgsql as $function$
    declare
      total bigint;
      before bigint;
      held bigint;
      fresh boolean[] := array_fill(false, array[cardinality(ids)]);
    begin
      -- Expires holds before the stock's row is locked: that is the order of locks everywhere.
      -- By their places, which are locked: by their ids a server that knows nothing of the table yet looks at all holds for each.
      with late as (
        select o.ctid as place from segstock_order o
        where o.stock = stock_name and o.state = 'held' and o.until <= (
          select clock_timestamp() + s.ahead from segstock_stock s where s.name = stock_name and s.part = 0)
        order by o.until, o.id for update
      ), ended as (
        update segstock_order o set state = 'expired', until = null, at = now()
        from late where o.ctid = late.place
        returning o.units
      )
      update segstock_stock s set units = s.units + (select sum(ended.units) from ended)::bigint
      where s.name = stock_name and s.part = 0 and exists (select from ended);
      select s.units into total from segstock_stock s where s.name = stock_name and s.part = 0 for update;
      if total is null then
        return;
      end if;
      before := total;
      select coalesce(sum(o.units), 0)::bigint into held
        from segstock_order o where o.stock = stock_name and o.state = 'held';
      -- A statement after the lock: it sees what everybody committed who had the lock before.
      select array_agg(o.state order by n), array_agg(o.units order by n), array_agg((-1)::bigint)
        into states, known, left_over
        from unnest(ids) with ordinality as asked (id, n)
        left join segstock_order o on o.stock = stock_name and o.id = asked.id;
      for i in 1 .. cardinality(ids) loop
        if states[i] is null then
          known[i] := wanted[i];
          if restocks[i] and total + held + wanted[i] <= most then
            total := total + wanted[i];
            states[i] := 'put';
            fresh[i] := true;
          elsif not restocks[i] and total >= wanted[i] then
            total := total - wanted[i];
            states[i] := 'sold';
            fresh[i] := true;
          else
            states[i] := 'refused';
            left_over[i] := total;
            fresh[i] := remembers;
          end if;
        end if;
      end loop;
      if total <> before then
        update segstock_stock s set units = total where s.name = stock_name and s.part = 0;
      end if;
      if true = any (fresh) then
        insert into segstock_order (stock, id, units, state)
        select stock_name, asked.id, asked.units, asked.state
        from unnest(ids, wanted, states, fresh) as asked (id, units, state, is_fresh)
        where asked.is_fresh;
      end if;
    end
    $function$;
  end if;
end
$do$;

-- Decides a batch of orders of a node, as segstock_batch_2 does, from its block and the pool. An order whose units lie in
-- the blocks of other nodes is answered `elsewhere`; with `gathers`, all blocks are put into the pool first.
-- Locks: blocks by epoch, then the pool, then orders by id. Whoever makes a block has the pool locked.
do $do$
begin
  if to_regprocedure('segstock_pool_2(text, text[], boolean[], bigint[], boolean, bigint, bigint, bigint, boolean)') is null
  then
    create function segstock_pool_2(
      stock_name text, ids text[], restocks boolean[], wanted bigint[], remembers boolean, most bigint,
      node_number bigint, most_lent bigint, gathers boolean,
      out states text[], out known bigint[], out left_over bigint[]
    ) language plpgsql as $function$
    declare
      own bigint;           -- The epoch of the node's block, if it has one.
      rest bigint := 0;     -- What is left in it.
      free bigint;          -- What the pool has, once it is locked.
      others bigint;        -- What other blocks had after that.
      sold bigint := 0;
      lent bigint := 0;
      added bigint := 0;
      piece bigint;
      fresh boolean[] := array_fill(false, array[cardinality(ids)]);
    begin
      if gathers then
        perform from segstock_block b where b.stock = stock_name order by b.epoch for update;
        select s.units into free from segstock_stock s where s.name = stock_name and s.part = 0 for update;
        -- Blocks that were locked, and any that was made since: those are left alone, as somebody may wait for the pool.
        with locked as (
          select b.epoch from segstock_block b where b.stock = stock_name order by b.epoch for update skip locked
        ), gone as (
          delete from segstock_block b using locked where b.stock = stock_name and b.epoch = locked.epoch
          returning b.granted - b.taken as rest
        )
        select coalesce(sum(gone.rest), 0)::bigint into added from gone;
        free := free + added;
      else
        select b.epoch, b.granted - b.taken into own, rest
          from segstock_block b where b.stock = stock_name and b.node = node_number for update;
        rest := coalesce(rest, 0);
      end if;
      select array_agg(o.state order by n), array_agg(o.units order by n), array_agg((-1)::bigint)
        into states, known, left_over
        from unnest(ids) with ordinality as asked (id, n)
        left join segstock_order o on o.stock = stock_name and o.id = asked.id;
      if num_nonnulls(variadic states) > 0 then
        -- So that the commit of a retry waits for the disk and the standbys as that of the first attempt did.
        perform from segstock_order o where o.stock = stock_name and o.id = any(ids) order by o.id for update;
      end if;
      for i in 1 .. cardinality(ids) loop
        continue when states[i] is not null;
        known[i] := wanted[i];
        if free is null and (restocks[i] or rest < wanted[i]) then
          select s.units into free from segstock_stock s where s.name = stock_name and s.part = 0 for update;
          if free is null then
            states := null;
            return;
          end if;
        end if;
        if not restocks[i] and rest < wanted[i] and rest + free >= wanted[i] then
          piece := greatest(wanted[i] - rest, case when gathers then 0 else least(most_lent, free / 8) end);
          free := free - piece;
          added := added - piece;
          lent := lent + piece;
          rest := rest + piece;
        end if;
        if not restocks[i] and rest >= wanted[i] then
          rest := rest - wanted[i];
          sold := sold + wanted[i];
          states[i] := 'sold';
          fresh[i] := true;
          continue;
        end if;
        if others is null then
          -- A statement after the lock of the pool: no units are between it and a block.
          select coalesce(sum(b.granted - b.taken), 0)::bigint into others
            from segstock_block b where b.stock = stock_name and b.epoch is distinct from own;
        end if;
        if restocks[i] and free + rest + others + wanted[i] <= most then
          free := free + wanted[i];
          added := added + wanted[i];
          states[i] := 'put';
          fresh[i] := true;
        elsif not restocks[i] and free + rest + others >= wanted[i] then
          states[i] := 'elsewhere';
        else
          states[i] := 'refused';
          left_over[i] := free + rest + others;
          fresh[i] := remembers;
        end if;
      end loop;
      if own is null and lent > 0 then
        insert into segstock_block (stock, node, granted, taken) values (stock_name, node_number, lent, sold);
      elsif sold > 0 or lent > 0 then
        update segstock_block b set granted = b.granted + lent, taken = b.taken + sold
          where b.stock = stock_name and b.epoch = own;
      end if;
      if added <> 0 then
        update segstock_stock s set units = s.units + added where s.name = stock_name and s.part = 0;
      end if;
      insert into segstock_order (stock, id, units, state)
        select stock_name, asked.id, asked.units, asked.state
        from unnest(ids, wanted, states, fresh) as asked (id, units, state, is_fresh)
        where asked.is_fresh order by asked.id;
    end
    $function$;
  end if;
end
$do$;
