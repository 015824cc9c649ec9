-- Closes the blocks of nodes whose lease is over, and says how many.
--
-- A node that renews its lease beside it may lose its blocks, and is stopped by that. No clock is needed for safety: the late
-- batch of a node that was only slow finds its blocks closed. The lease says only when others may.
create function close_silent_1() returns bigint language plpgsql as $$
declare
  silent bigint[];
begin
  select array_agg(b.epoch) into silent from (
    select b.epoch from node n join block b on b.node = n.name
    where not b.closed and n.until < clock_timestamp()
    order by b.epoch for update of b
  ) as b;
  if silent is null then
    return 0;
  end if;
  -- Those whose node did not come back while this waited for their locks.
  select array_agg(b.epoch) into silent from node n join block b on b.node = n.name
  where b.epoch = any (silent) and n.until < clock_timestamp();
  return close_1(silent);
end
$$;
