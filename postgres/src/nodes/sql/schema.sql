-- The tables of a sale that several nodes serve, in a schema of its own, and how they are locked.
--
-- Every transaction locks in this order: node, the lock of payments (`limit_1`), blocks by epoch, orders by id, pools by SKU.
-- Every time is the database's.
-- Each transaction is one function in a file of its own; inside, each statement sees what was committed when it began.

create table segstock_nodes (
  version integer not null,
  -- For how many microseconds events are kept; 0: none are written.
  events  bigint not null default 0 check (events >= 0)
);
insert into segstock_nodes values (7);

-- A node's session is raised at each start: what an older one sends does nothing.
create table node (
  name    text collate "C" primary key,
  -- The start that raised it: a number that no other start has.
  start   bigint not null,
  session bigint not null,
  -- The last batch of the session that committed.
  last    bigint not null,
  -- The last number that was taken from a batch, which never commits.
  void    bigint not null default 0,
  -- The end of its lease: then others may close its blocks.
  until   timestamptz not null
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Units of a SKU that no node has.
create table pool (
  sku    text collate "C" primary key,
  -- What there was at the beginning; and that with what was restocked or found.
  initial bigint not null,
  came   bigint not null check (came >= 0),
  -- What was missing or written off.
  went   bigint not null default 0 check (went >= 0),
  -- What left with orders, and is not on sale again.
  shipped bigint not null default 0 check (shipped >= 0),
  -- That of orders which are forgotten.
  forgotten bigint not null default 0 check (forgotten >= 0),
  -- What was sent to other SKUs, and has not arrived: it went from here.
  on_the_way bigint not null default 0 check (on_the_way >= 0),
  -- Promised, and not there: a count found fewer. What comes back pays it first.
  owed   bigint not null default 0 check (owed >= 0),
  -- Safety stock is in it.
  free   bigint not null check (free >= 0),
  -- Never lent, never sold.
  safety bigint not null check (safety >= 0),
  -- With fewer free units it is sold from here; with twice as many, from blocks again.
  narrow bigint not null check (narrow >= 0),
  -- The most units that a node is lent ahead.
  most   bigint not null check (most >= 0),
  -- Units that orders wait for: while there are any, it is queued, and nothing of it is for sale.
  waiting bigint not null default 0 check (waiting >= 0),
  mode   text collate "C" not null check (mode in ('wide', 'narrow', 'queued', 'ended')),
  -- No new order has it.
  closed boolean not null default false,
  -- Fewer units for sale than this are low; 0: never.
  low    bigint not null default 0 check (low >= 0),
  -- What its last events said.
  is_low boolean not null default false,
  is_out boolean not null default false,
  -- How many units may wait; null: any number.
  most_waiting bigint check (most_waiting >= 0),
  -- How many percent of the units on hand can be held without being paid for. While it is set no block of it is open, all is
  -- sold from the pool, and `held` is what orders hold.
  unpaid smallint check (unpaid >= 0),
  held   bigint not null default 0 check (held >= 0),
  -- Units that the orders of one customer have at most: held, paid or shipped.
  per_customer bigint check (per_customer >= 0),
  -- Such a limit is set, or was: units are counted for each customer.
  counted boolean not null default false,
  -- The number of the last call that set limits.
  limited bigint not null default 0,
  -- Until then, every node hands back what it has.
  recall_until timestamptz not null default '-infinity',
  check (came - went - shipped between 0 and 1099511627776),
  check (owed = 0 or free = 0),
  check (mode in ('queued', 'ended') or waiting = 0),
  check (mode <> 'queued' or waiting > 0)
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);

-- Those for which orders wait: heartbeats look at these alone.
create index pool_queued on pool (sku) where mode = 'queued';

-- Units of a SKU that are lent to a node's session.
create table block (
  epoch       bigint generated always as identity primary key,
  node        text collate "C" not null,
  session     bigint not null,
  -- Unique in a session, for each SKU: a lend that is sent again finds what it did.
  lend_no     bigint not null,
  sku         text collate "C" not null,
  granted     bigint not null,
  taken       bigint not null default 0,
  handed_back bigint not null default 0,
  -- What orders took that are forgotten.
  forgotten   bigint not null default 0,
  at          timestamptz not null default now(),
  -- It takes nothing any more, and what was left is in the pool.
  closed      boolean not null default false,
  check (taken >= 0 and handed_back >= 0 and taken + handed_back <= granted),
  unique (node, session, lend_no, sku)
) with (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index block_open on block (sku, epoch) where not closed;
create index block_done on block (epoch) where closed and taken = forgotten;
create index block_of on block (node, session) where not closed;

-- Orders and their changes, numbered while the order is locked: of two changes of an order the later has the larger number.
create sequence changes;

-- What became of each id. An order's pieces say what it took from where when it was placed.
create table orders (
  id      text collate "C" primary key,
  state   text collate "C" not null check (state in
            ('held', 'waiting', 'paid', 'shipped', 'returned', 'cancelled', 'refunded', 'expired',
             'refused', 'closed', 'limited', 'nameless', 'full', 'unpaid')),
  -- Its units are not all equally far, or were not once: it is changed in transactions of its own. Then `state` is the first
  -- that some of its units have, and the table `part` says the rest.
  split   boolean not null default false,
  -- What was asked for, as a hash. Null: it was cancelled before it was placed.
  asked   bigint,
  -- The SKU that was short, closed, limited, or wants a customer, if it was refused.
  short   text collate "C",
  -- Its pieces, if it was placed: SKU, block (0 is the pool), units.
  skus    text[],
  epochs  bigint[],
  units   bigint[],
  -- Whose it is, and the SKUs of it that count for what the customer can have.
  customer text collate "C",
  counted  text[],
  -- The end of its hold.
  until   timestamptz,
  -- The batch that wrote it.
  node    text collate "C",
  session bigint,
  batch   bigint,
  -- The batch that ended it, and what that put into blocks; the rest went to pools.
  end_node    text collate "C",
  end_session bigint,
  end_batch   bigint,
  end_epochs  bigint[],
  end_units   bigint[],
  -- Its last change: its number, and in whose sequence it is: the name of a node, for its batches; with a star for its other
  -- calls. In each the numbers grow as transactions commit. Null: no order was placed.
  seq     bigint not null default nextval('changes'),
  lane    text collate "C",
  at      timestamptz not null default clock_timestamp(),
  -- When its row came.
  placed  timestamptz not null default clock_timestamp()
);
create index orders_lane on orders (lane, seq) where lane is not null;
-- Holds by deadline.
create index orders_held on orders (until) where state = 'held' and until is not null;

-- Those that can be forgotten, by age; and those of which units can come back: each row is in one of them.
create index orders_ended on orders (at) where state not in ('held', 'waiting', 'paid', 'shipped');
create index orders_shipped on orders (at) where state = 'shipped';
-- Lists: those that are open, those that have ended, those of a customer; each row is in one of the first two. Their conditions
-- are written so that no other statement is planned with them.
create index orders_open on orders (placed) where strpos('held waiting paid', state) > 0;
create index orders_done on orders (placed) where strpos('held waiting paid', state) = 0 and skus is not null;
create index orders_customer on orders (customer, placed) where customer is not null;
create index orders_of on orders (customer) where state = 'held' and until is not null and counted is not null;

-- Units that a customer has of a SKU that is counted. Rows are locked last, by customer and SKU.
create table customer (
  name  text collate "C" not null,
  sku   text collate "C" not null,
  units bigint not null check (units >= 0),
  -- Those of orders that are forgotten.
  forgotten bigint not null default 0 check (forgotten >= 0),
  primary key (name, sku)
);
create index customer_done on customer (name, sku) where units = 0;

-- Units that may be lent or sold.
create function on_sale_1(of pool) returns bigint language sql immutable as $$
  select case when (of).mode in ('queued', 'ended') then 0 else greatest((of).free - (of).safety, 0) end
$$;

-- Units that may be lent or sold, and those that are kept for orders that wait.
create function can_be_had_1(of pool) returns bigint language sql immutable as $$
  select case when (of).mode = 'ended' then 0 else greatest((of).free - (of).safety, 0) end
$$;

-- Whether a node is the first by name of those that live: what one node is enough for, it does.
create function is_first_1(of_node text) returns boolean language sql stable as $$
  select coalesce(of_node = (select min(n.name) from node n where n.until >= clock_timestamp()), false)
$$;

-- Units on hand: free, lent, held and paid for, less what is owed.
create function on_hand_1(of pool) returns bigint language sql immutable as $$
  select (of).came - (of).went - (of).shipped
$$;

-- Whether orders may hold so many units more without having paid for them.
create function may_hold_1(of_unpaid smallint, on_hand bigint, held bigint, more bigint) returns boolean language sql immutable as $$
  select of_unpaid is null or of_unpaid > 100 or held + more <= (on_hand * of_unpaid + 99) / 100
$$;

-- Adds units to pools: they pay first what is owed; then they are for those who wait. A SKU of which there is enough again is
-- sold from blocks again.
create function give_1(given_skus text[], given bigint[]) returns void language plpgsql as $$
begin
  perform from pool p where p.sku = any (given_skus) order by p.sku for update;
  update pool p
  set owed = p.owed - least(p.owed, g.units),
      free = p.free + g.units - least(p.owed, g.units),
      mode = case
        when p.mode = 'narrow' and p.free + g.units - least(p.owed, g.units) - p.safety >= 2 * p.narrow then 'wide'
        else p.mode end
  from (select u.sku, sum(u.units)::bigint as units from unnest(given_skus, given) as u (sku, units)
        group by u.sku) as g
  where p.sku = g.sku and g.units > 0;
  perform wake_1(given_skus);
end
$$;

-- Locks the open blocks of these SKUs, by epoch. Null: there are none.
create function lock_blocks_1(skus text[]) returns bigint[] language sql as $$
  select array_agg(b.epoch) from (
    select b.epoch from block b where not b.closed and b.sku = any (skus) order by b.epoch for update
  ) as b
$$;

-- Closes blocks, which the caller has locked, and puts their rest into the pools. Says how many.
create function close_1(of_epochs bigint[]) returns bigint language plpgsql as $$
declare
  closed_skus text[];
  rests bigint[];
begin
  with gone as (
    update block b set closed = true where b.epoch = any (of_epochs) and not b.closed
    returning b.sku, b.granted - b.taken - b.handed_back as rest
  )
  select array_agg(gone.sku), array_agg(gone.rest) into closed_skus, rests from gone;
  if closed_skus is not null then
    perform give_1(closed_skus, rests);
  end if;
  return coalesce(cardinality(closed_skus), 0);
end
$$;

-- What is said of units that are so far, or of an order.
create function said_1(stage text) returns text language sql immutable as $$
  select case stage when 'refunded' then 'cancelled' when 'written_off' then 'returned' else stage end
$$;

-- The units of a whole order, from its pieces. Null: it has none.
create function sum_1(units bigint[]) returns bigint language sql immutable as $$
  select sum(u.units)::bigint from unnest(units) as u (units)
$$;
