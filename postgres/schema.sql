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

-- Decides a batch of orders, each id in it once. The number in its name is its version: it is never replaced.
-- Answers for each order: its state, the units for which the id is known, the units in stock if it was refused now or -1.
do $do$
begin
  if to_regprocedure('segstock_batch_1(text, text[], boolean[], bigint[], boolean, bigint)') is null then
    create function segstock_batch_1(
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
      with late as (
        select o.id from segstock_order o
        where o.stock = stock_name and o.state = 'held' and o.until <= (
          select clock_timestamp() + s.ahead from segstock_stock s where s.name = stock_name and s.part = 0)
        order by o.until, o.id for update
      ), ended as (
        update segstock_order o set state = 'expired', until = null, at = now()
        from late where o.stock = stock_name and o.id = late.id and o.state = 'held'
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
