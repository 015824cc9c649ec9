-- Adds units to a pool, once for each id.
-- Answers: restocked; is (the id has a row: its state and hash); missing (there is no such SKU); or much (more than can be).
create function restock_1(
  of_id text, of_sku text, added bigint, hash bigint, out standing text, out found_state text, out found_hash bigint
) language plpgsql as $$
begin
  insert into orders (id, state, asked, skus, epochs, units)
  values (of_id, 'restocked', hash, array[of_sku], '{0}', array[added])
  on conflict (id) do nothing;
  if not found then
    standing := 'is';
    select o.state, o.asked into found_state, found_hash from orders o where o.id = of_id;
    return;
  end if;
  update pool p set came = p.came + added where p.sku = of_sku and p.came + added <= 1099511627776;
  if found then
    perform give_1(array[of_sku], array[added]);
    standing := 'restocked';
    return;
  end if;
  delete from orders o where o.id = of_id;
  standing := case when exists (select from pool p where p.sku = of_sku) then 'much' else 'missing' end;
end
$$;
