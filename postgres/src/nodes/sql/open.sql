-- Opens a session of a node: raises the session that this start has seen, and closes the blocks of older ones.
--
-- Asked again, it returns the session that this start raised. Null, if another start came first: a copy that comes late
-- changes nothing.
create function open_1(of_node text, seen bigint, of_start bigint, lease bigint) returns bigint language plpgsql as $$
declare
  found_node node;
  older bigint[];
begin
  insert into node (name, start, session, last, until) values (of_node, of_start, 0, 0, '-infinity')
    on conflict (name) do nothing;
  select n.* into found_node from node n where n.name = of_node for update;
  if found_node.session > 0 and found_node.start = of_start then
    return found_node.session;
  end if;
  if found_node.session <> seen then
    return null;
  end if;
  update node n
  set start = of_start, session = n.session + 1, last = 0, void = 0,
      until = clock_timestamp() + make_interval(secs => lease / 1e6)
  where n.name = of_node;
  select array_agg(b.epoch) into older from (
    select b.epoch from block b where b.node = of_node and b.session <= seen and not b.closed
    order by b.epoch for update
  ) as b;
  perform close_1(older);
  return seen + 1;
end
$$;

-- Ends a session: closes its blocks, and its lease. Asked again, it finds nothing to do.
create function leave_1(of_node text, of_session bigint) returns void language plpgsql as $$
declare
  own bigint[];
begin
  perform from node n where n.name = of_node and n.session = of_session for update;
  if not found then
    return;
  end if;
  update node n set until = clock_timestamp() where n.name = of_node and n.session = of_session;
  select array_agg(b.epoch) into own from (
    select b.epoch from block b where b.node = of_node and b.session = of_session and not b.closed
    order by b.epoch for update
  ) as b;
  perform close_1(own);
end
$$;
