#!lua name=segstock_atomic_5

-- KEYS[1]  the stock: units that are free, a number
-- KEYS[2]  the record of the order's id: "what:units", and for a hold "held:units:deadline"
-- The stock's further keys have the name of KEYS[1] and one of these ends. All have the same hash tag, so they lie together:
--   :held       units that are held, a number; nothing if none ever were
--   :deadlines  the deadlines of the holds, a sorted set
--   :server     a hash: made, replid, and ahead (milliseconds that its clock is ahead; for tests)
--   :order:ID   the record of each id
-- Every function reads all that it needs before it writes: no error ends it in the middle.

-- A number as Redis keeps it: all digits, where tostring would round to 14 of them.
local function digits(number)
  return string.format('%.0f', number)
end

-- A record: what became of the id, its units, its deadline.
local function parsed(text)
  local what, units, deadline = text:match('^(%a+):(%d+):?(%d*)$')
  return what, tonumber(units), tonumber(deadline)
end

local function known(record)
  local text = redis.call('GET', record)
  if text then return parsed(text) end
end

local function remember(record, what, units, ttl)
  redis.call('SET', record, what .. ':' .. units, 'PX', ttl)
end

local function now(stock)
  local time = redis.call('TIME')
  local ahead = tonumber(redis.call('HGET', stock .. ':server', 'ahead')) or 0
  return time[1] * 1000 + math.floor(time[2] / 1000) + ahead
end

local function put_back(stock, id, record, what, units, ttl)
  redis.call('INCRBY', stock, digits(units))
  redis.call('DECRBY', stock .. ':held', digits(units))
  redis.call('ZREM', stock .. ':deadlines', id)
  remember(record, what, digits(units), ttl)
end

-- Frees the expired holds of these ids until `missing` units are back, and says how many are.
local function free(stock, ids, ttl, missing)
  local freed = 0
  for _, id in ipairs(ids) do
    if freed >= missing then break end
    local record = stock .. ':order:' .. id
    local _, units = known(record)
    put_back(stock, id, record, 'expired', units, ttl)
    freed = freed + units
  end
  return freed
end

local function expired(stock, time, most)
  return redis.call('ZRANGEBYSCORE', stock .. ':deadlines', '-inf', digits(time), 'LIMIT', 0, most)
end

-- Frees expired holds until `missing` units are back. Says how many are, whether it stopped early, so that nobody waits for
-- long, and whether there were holds at all.
local function free_expired(stock, ttl, missing)
  local deadlines = stock .. ':deadlines'
  local first = redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')
  if not first[1] then return 0, false, false end
  local time = now(stock)
  if tonumber(first[2]) > time then return 0, false, true end
  local ids = expired(stock, time, 500)
  local freed = free(stock, ids, ttl, missing)
  return freed, freed < missing and #ids == 500, true
end

-- ARGV: units, replid, and a number by which an attempt knows what one before it made.
local function create(keys, args)
  local server = keys[1] .. ':server'
  local made = redis.call('HGET', server, 'made')
  if made or redis.call('EXISTS', keys[1]) == 1 then return { made == args[3] and 'done' or 'exists' } end
  redis.call('SET', keys[1], args[1])
  redis.call('HSET', server, 'replid', args[2], 'made', args[3])
  return { 'done' }
end

-- Why an order does not get its units, where `left` are free; nothing if it does. Frees expired holds if they are needed.
-- With the units it says whether any are held.
local function refusal(keys, left, args)
  if not left then return { 'nostock' } end
  local units = tonumber(args[1])
  if left >= units then return nil end
  local freed, early, holds = free_expired(keys[1], args[3], units - left)
  if left + freed >= units then return nil end
  if early then return { 'busy' } end
  -- A first attempt has no copy under way: nothing is written.
  if args[2] == '1' then remember(keys[2], 'refused', args[1], args[3]) end
  return { 'refused', left + freed, holds and 1 or 0 }
end

-- What a sale or a restock answers whose id is known.
local function repeated(text, done, units)
  local what, of = parsed(text)
  if what == 'refused' then return { 'refused' } end
  return { (what == done and of == tonumber(units)) and 'done' or 'conflict' }
end

-- ARGV: units, again, ttl.
local function deduct(keys, args)
  local seen = redis.call('MGET', keys[1], keys[2])
  if seen[2] then return repeated(seen[2], 'sold', args[1]) end
  local refused = refusal(keys, tonumber(seen[1]), args)
  if refused then return refused end
  redis.call('DECRBY', keys[1], args[1])
  remember(keys[2], 'sold', args[1], args[3])
  return { 'done' }
end

-- ARGV: units, again, ttl, most.
local function restock(keys, args)
  local seen = redis.call('MGET', keys[1], keys[2], keys[1] .. ':held')
  if seen[2] then return repeated(seen[2], 'put', args[1]) end
  local left = tonumber(seen[1])
  if not left then return { 'nostock' } end
  if left + (tonumber(seen[3]) or 0) + tonumber(args[1]) > tonumber(args[4]) then
    if args[2] == '1' then remember(keys[2], 'refused', args[1], args[3]) end
    return { 'refused', left }
  end
  redis.call('INCRBY', keys[1], args[1])
  remember(keys[2], 'put', args[1], args[3])
  return { 'done' }
end

-- ARGV: ttl. What is not known is refused from now on.
local function outcome(keys, args)
  local what = known(keys[2])
  if not what then
    remember(keys[2], 'refused', '0', args[1])
    return { 'refused' }
  end
  return { what == 'refused' and 'refused' or 'done' }
end

-- ARGV: ttl.
local function available(keys, args)
  local _, early = free_expired(keys[1], args[1], math.huge)
  if early then return { 'busy' } end
  local left = tonumber(redis.call('GET', keys[1]))
  return left and { 'done', left } or { 'nostock' }
end

-- A hold that is past its deadline is expired by whoever looks at it.
local function look(keys, id, ttl)
  local what, units, deadline = known(keys[2])
  if what == 'held' and deadline <= now(keys[1]) then
    put_back(keys[1], id, keys[2], 'expired', units, ttl)
    return 'expired', units
  end
  return what, units
end

local function hold_until(keys, id, units, lasts, time)
  local deadline = digits(time + tonumber(lasts))
  redis.call('SET', keys[2], 'held:' .. units .. ':' .. deadline)
  redis.call('ZADD', keys[1] .. ':deadlines', deadline, id)
end

-- ARGV: units, again, ttl, id, how long it is held.
local function reserve(keys, args)
  local what, units = look(keys, args[4], args[3])
  if what == 'refused' then return { 'refused' } end
  if what and units ~= tonumber(args[1]) then return { 'conflict' } end
  if what then return { what } end
  local refused = refusal(keys, tonumber(redis.call('GET', keys[1])), args)
  if refused then return refused end
  redis.call('DECRBY', keys[1], args[1])
  redis.call('INCRBY', keys[1] .. ':held', args[1])
  local time = now(keys[1])
  hold_until(keys, args[4], args[1], args[5], time)
  -- Two that nobody came back for: more than a reserve adds, so they do not pile up where units never run short.
  free(keys[1], expired(keys[1], time, 2), args[3], math.huge)
  return { 'held' }
end

-- ARGV: id, ttl.
local function confirm(keys, args)
  local what, units = look(keys, args[1], args[2])
  if what ~= 'held' then return { what or 'nohold' } end
  redis.call('DECRBY', keys[1] .. ':held', digits(units))
  redis.call('ZREM', keys[1] .. ':deadlines', args[1])
  remember(keys[2], 'confirmed', digits(units), args[2])
  return { 'confirmed' }
end

local function release(keys, args)
  local what, units = look(keys, args[1], args[2])
  if what ~= 'held' then return { what or 'nohold' } end
  put_back(keys[1], args[1], keys[2], 'released', units, args[2])
  return { 'released' }
end

-- ARGV: id, ttl, how long it is held.
local function extend(keys, args)
  local what, units = look(keys, args[1], args[2])
  if what ~= 'held' then return { what or 'nohold' } end
  hold_until(keys, args[1], digits(units), args[3], now(keys[1]))
  return { 'held' }
end

redis.register_function('segstock_atomic_5_create', create)
redis.register_function('segstock_atomic_5_deduct', deduct)
redis.register_function('segstock_atomic_5_restock', restock)
redis.register_function('segstock_atomic_5_outcome', outcome)
redis.register_function('segstock_atomic_5_available', available)
redis.register_function('segstock_atomic_5_reserve', reserve)
redis.register_function('segstock_atomic_5_confirm', confirm)
redis.register_function('segstock_atomic_5_release', release)
redis.register_function('segstock_atomic_5_extend', extend)
