-- Begins a recall: until its end every node hands back what it has, and is lent exactly what it asks for.
create function recall_1(of_skus text[], lasts bigint) returns void language plpgsql as $$
begin
  perform from pool p where p.sku = any (of_skus) order by p.sku for update;
  update pool p
  set recall_until = greatest(p.recall_until, clock_timestamp() + make_interval(secs => lasts / 1e6))
  where p.sku = any (of_skus);
  perform pg_notify('segstock_nodes', current_schema());
end
$$;
