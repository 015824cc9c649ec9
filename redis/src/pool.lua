#!lua name=segstock_pool_1

-- The pool, a hash on the first server: free, epoch (the last that was given).
-- Blocks, a hash: from epoch to "units until server", until in milliseconds by the pool's clock.
-- A journal, a hash for each epoch: sold; closed, once no sale counts there any more.
-- A record of an order's id, "what:units": sold, put, refused.

local function digits(number)
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function known(record)
  local text = redis.call('GET', record)
  if not text then return nil end
  local what, units = text:match('^(%a+):(%d+)$')
  return what, tonumber(units)
end

local function remember(record, what, units, ttl)
  redis.call('SET', record, what .. ':' .. digits(units), 'PX', ttl)
end

-- KEYS: the server's own hash, and the pool if it is there. ARGV: the number of the stock's making, the server's replication
-- id, servers, units.
local function create(keys, args)
  local made = redis.call('HGET', keys[1], 'made')
  if made then return { made == args[1] and 'done' or 'exists' } end
  redis.call('HSET', keys[1], 'made', args[1], 'replid', args[2], 'servers', args[3])
  if keys[2] then redis.call('HSET', keys[2], 'free', args[4], 'epoch', '0') end
  return { 'done' }
end

-- KEYS: the pool, the blocks, the record of this lend. ARGV: units at least, units at most, milliseconds of the lease, the
-- server of the journal, ttl. The same lend is answered with the same block. If too few are free: the blocks whose lease
-- is over.
local function lend(keys, args)
  local lent = redis.call('GET', keys[3])
  if lent then return { 'block', lent:match('^%d+'), lent } end
  local free, least = tonumber(redis.call('HGET', keys[1], 'free')), tonumber(args[1])
  if not free then return { 'nostock' } end
  if free < least then
    local time, over = now(), {}
    local blocks = redis.call('HGETALL', keys[2])
    for at = 1, #blocks, 2 do
      if tonumber(blocks[at + 1]:match(' (%d+) ')) < time then
        over[#over + 1] = blocks[at] .. ' ' .. blocks[at + 1]
      end
    end
    return { 'short', digits(free), table.concat(over, ';') }
  end
  -- An eighth of what is free, so that all nodes get some, and the last ones too.
  local units = math.max(least, math.min(tonumber(args[2]), math.ceil(free / 8)))
  units = math.min(units, free)
  local epoch = redis.call('HINCRBY', keys[1], 'epoch', 1)
  local block = digits(units) .. ' ' .. digits(now() + tonumber(args[3])) .. ' ' .. args[4]
  redis.call('HINCRBY', keys[1], 'free', digits(-units))
  redis.call('HSET', keys[2], epoch, block)
  redis.call('SET', keys[3], epoch .. ' ' .. block, 'PX', args[5])
  return { 'block', digits(epoch), epoch .. ' ' .. block }
end

-- KEYS: the pool, the blocks. What is free, and all blocks.
local function read(keys)
  local free = redis.call('HGET', keys[1], 'free')
  if not free then return { 'nostock' } end
  local all, blocks = {}, redis.call('HGETALL', keys[2])
  for at = 1, #blocks, 2 do all[#all + 1] = blocks[at] .. ' ' .. blocks[at + 1] end
  return { 'done', free, table.concat(all, ';') }
end

-- KEYS: the pool, the blocks. ARGV: epoch, units that its closed journal sold. The rest comes back, once.
local function hand_back(keys, args)
  local block = redis.call('HGET', keys[2], args[1])
  if block then
    redis.call('HDEL', keys[2], args[1])
    redis.call('HINCRBY', keys[1], 'free', digits(tonumber(block:match('^%d+')) - tonumber(args[2])))
  end
  return { 'done' }
end

-- KEYS: the pool, the record of this restock. ARGV: units, ttl.
local function add(keys, args)
  if not redis.call('HGET', keys[1], 'free') then return { 'nostock' } end
  if redis.call('SET', keys[2], '1', 'NX', 'PX', args[2]) then
    redis.call('HINCRBY', keys[1], 'free', args[1])
  end
  return { 'done' }
end

-- KEYS: the journal, the order's record. ARGV: units, units of the block, until, ttl, whether epochs are looked at.
-- A journal that is not there is new; unless the lease was over long ago, and the journal may be forgotten.
local function sell(keys, args)
  local what, units = known(keys[2])
  if what then return { what, digits(units) } end
  local journal = redis.call('HMGET', keys[1], 'sold', 'closed')
  local late = not journal[1] and now() > tonumber(args[3]) + tonumber(args[4])
  if args[5] == '1' and (journal[2] or late) then return { 'closed' } end
  local wanted = tonumber(args[1])
  if tonumber(args[2]) - (tonumber(journal[1]) or 0) < wanted then return { 'short' } end
  redis.call('HINCRBY', keys[1], 'sold', args[1])
  remember(keys[2], 'sold', wanted, args[4])
  return { 'sold', args[1] }
end

-- KEYS: the journal. Nothing is sold from it any more; says what was.
local function close(keys)
  redis.call('HSET', keys[1], 'closed', '1')
  return { 'done', digits(redis.call('HINCRBY', keys[1], 'sold', 0)) }
end

-- KEYS: the journal of a block that came back. ARGV: ttl.
local function forget(keys, args)
  redis.call('PEXPIRE', keys[1], digits(2 * tonumber(args[1])))
  return { 'done' }
end

-- KEYS: journals. What each sold.
local function sold(keys)
  local all = {}
  for at, key in ipairs(keys) do all[at] = redis.call('HGET', key, 'sold') or '0' end
  return { 'done', '0', table.concat(all, ' ') }
end

-- KEYS: the order's record. ARGV: what is left there if nothing is known, unless it is empty; its units, ttl.
local function note(keys, args)
  local what, units = known(keys[1])
  if what then return { what, digits(units) } end
  if args[1] ~= '' then remember(keys[1], args[1], tonumber(args[2]), args[3]) end
  return { args[1], args[2] }
end

redis.register_function('segstock_pool_1_create', create)
redis.register_function('segstock_pool_1_lend', lend)
redis.register_function('segstock_pool_1_read', read)
redis.register_function('segstock_pool_1_hand_back', hand_back)
redis.register_function('segstock_pool_1_add', add)
redis.register_function('segstock_pool_1_sell', sell)
redis.register_function('segstock_pool_1_close', close)
redis.register_function('segstock_pool_1_forget', forget)
redis.register_function('segstock_pool_1_sold', sold)
redis.register_function('segstock_pool_1_note', note)
