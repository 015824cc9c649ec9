-- Lends what is asked for of each SKU, all or none; and more, while there is enough.
--
-- Asked again, it finds the blocks that it lent, also if they are closed by now: then nothing is lent a second time.
-- SKUs of which little is left, for which orders wait, or of which only a share may be unpaid, have no block: they are sold from
-- their pools.
-- Answers: over (the session), short, lent, or missing (there is no such SKU).
create function lend_1(
  of_node text, of_session bigint, number bigint, wanted_skus text[], wanted bigint[],
  out standing text, out what text, out lent_epochs bigint[], out lent_skus text[], out rests bigint[]
) language plpgsql as $$
declare
  line record;
  nodes bigint;
  given_skus text[] := '{}';
  given bigint[] := '{}';
begin
  perform from node n where n.name = of_node and n.session = of_session for update;
  if not found then
    standing := 'over';
    return;
  end if;
  if not exists (
    select from block b where b.node = of_node and b.session = of_session and b.lend_no = number
  ) then
    select count(*) into nodes from node n where n.until >= clock_timestamp();
    perform from pool p where p.sku = any (wanted_skus) order by p.sku for update;
    for line in
      select w.sku, w.units, p.sku is not null as is_there, on_sale_1(p) as free, p.mode, p.narrow, p.most, p.unpaid,
        p.recall_until > clock_timestamp() as is_recalled
      from unnest(wanted_skus, wanted) as w (sku, units) left join pool p on p.sku = w.sku
      order by w.sku
    loop
      if not line.is_there then
        standing := 'missing';
        what := line.sku;
        return;
      end if;
      if line.mode = 'wide' and line.free < line.narrow then
        line.mode := 'narrow';
        update pool p set mode = line.mode where p.sku = line.sku;
        -- What others have in blocks comes back.
        perform pg_notify('segstock_nodes', current_schema()) where exists (
          select from block b where b.sku = line.sku and not b.closed
            and b.granted > b.taken + b.handed_back and b.node <> of_node
        );
      elsif line.mode = 'narrow' and line.free >= 2 * line.narrow then
        line.mode := 'wide';
        update pool p set mode = line.mode where p.sku = line.sku;
      end if;
      if line.mode = 'wide' and line.unpaid is null then
        if line.free < line.units then
          standing := 'short';
          return;
        end if;
        given_skus := given_skus || line.sku;
        given := given || case
          when line.is_recalled then line.units
          else greatest(line.units, least(line.most, line.free / (2 * greatest(nodes, 1)))) end;
      end if;
    end loop;
    update pool p set free = p.free - g.units from unnest(given_skus, given) as g (sku, units) where p.sku = g.sku;
    insert into block (node, session, lend_no, sku, granted)
    select of_node, of_session, number, g.sku, g.units from unnest(given_skus, given) as g (sku, units);
  end if;
  standing := 'lent';
  select array_agg(b.epoch), array_agg(b.sku), array_agg(b.granted - b.taken - b.handed_back)
  into lent_epochs, lent_skus, rests
  from block b where b.node = of_node and b.session = of_session and b.lend_no = number and not b.closed;
end
$$;
