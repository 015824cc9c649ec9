#!lua name=segstock_atomic_1

-- KEYS[1]  the stock, a hash: units, held, replid, and ahead (milliseconds that its clock is ahead; for tests)
-- KEYS[2]  the record of the order's id: "what:units", and for a hold "held:units:deadline"
-- KEYS[3]  the deadlines of the holds, a sorted set
-- Every function reads all that it needs before it writes: no error ends it in the middle.

-- A number as Redis keeps it: all digits, where tostring would round to 14 of them.
local function digits(number)
  return string.format('%.0f', number)
end

local function units_of(stock)
  return tonumber(redis.call('HGET', stock, 'units'))
end

-- The record: what became of the id, its units, its deadline.
local function known(record)
  local text = redis.call('GET', record)
  if not text then return nil end
  local what, units, deadline = text:match('^(%a+):(%d+):?(%d*)$')
  return what, tonumber(units), tonumber(deadline)
end

local function remember(record, what, units, ttl)
  redis.call('SET', record, what .. ':' .. digits(units), 'PX', ttl)
end

local function now(stock)
  local time = redis.call('TIME')
  local ahead = tonumber(redis.call('HGET', stock, 'ahead')) or 0
  return time[1] * 1000 + math.floor(time[2] / 1000) + ahead
end

local function put_back(keys, id, record, what, units, ttl)
  redis.call('HINCRBY', keys[1], 'units', digits(units))
  redis.call('HINCRBY', keys[1], 'held', digits(-units))
  redis.call('ZREM', keys[3], id)
  remember(record, what, units, ttl)
end

-- Frees expired holds until `missing` units are back. Says whether it stopped early, so that nobody waits for long.
local function free_expired(keys, prefix, ttl, missing)
  local first = redis.call('ZRANGE', keys[3], 0, 0, 'WITHSCORES')
  if not first[1] then return false end
  local time = now(keys[1])
  if tonumber(first[2]) > time then return false end
  local ids = redis.call('ZRANGEBYSCORE', keys[3], '-inf', digits(time), 'LIMIT', 0, 500)
  for _, id in ipairs(ids) do
    if missing <= 0 then return false end
    local _, units = known(prefix .. id)
    put_back(keys, id, prefix .. id, 'expired', units, ttl)
    missing = missing - units
  end
  return #ids == 500
end

-- ARGV: units, replid, and a number by which an attempt knows what one before it made.
local function create(keys, args)
  local made = redis.call('HGET', keys[1], 'made')
  if made or units_of(keys[1]) then return { made == args[3] and 'done' or 'exists' } end
  redis.call('HSET', keys[1], 'units', args[1], 'held', '0', 'replid', args[2], 'made', args[3])
  return { 'done' }
end

-- Takes units, or says why not. ARGV: units, again, ttl, prefix.
local function take(keys, args)
  local units, left = tonumber(args[1]), units_of(keys[1])
  if not left then return { 'nostock' } end
  if left < units then
    if free_expired(keys, args[4], args[3], units - left) then return { 'busy' } end
    left = units_of(keys[1])
  end
  if left < units then
    -- A first attempt has no copy under way: nothing is written.
    if args[2] == '1' then remember(keys[2], 'refused', units, args[3]) end
    return { 'refused', left }
  end
  redis.call('HINCRBY', keys[1], 'units', digits(-units))
  return nil
end

local function deduct(keys, args)
  local what, units = known(keys[2])
  if what == 'refused' then return { 'refused' } end
  if what then return { (what == 'sold' and units == tonumber(args[1])) and 'done' or 'conflict' } end
  local refusal = take(keys, args)
  if refusal then return refusal end
  remember(keys[2], 'sold', tonumber(args[1]), args[3])
  return { 'done' }
end

-- ARGV: units, again, ttl, most.
local function restock(keys, args)
  local what, known_units = known(keys[2])
  if what == 'refused' then return { 'refused' } end
  if what then return { (what == 'put' and known_units == tonumber(args[1])) and 'done' or 'conflict' } end
  local units, left = tonumber(args[1]), units_of(keys[1])
  if not left then return { 'nostock' } end
  local held = tonumber(redis.call('HGET', keys[1], 'held')) or 0
  if left + held + units > tonumber(args[4]) then
    if args[2] == '1' then remember(keys[2], 'refused', units, args[3]) end
    return { 'refused', left }
  end
  redis.call('HINCRBY', keys[1], 'units', digits(units))
  remember(keys[2], 'put', units, args[3])
  return { 'done' }
end

-- ARGV: again, ttl, prefix, most; then for each order its id, its units, and whether it is a restock.
local function batch(keys, args)
  local said = {}
  for at = 5, #args, 3 do
    local own = { keys[1], args[3] .. args[at], keys[2] }
    local answer
    repeat
      if args[at + 2] == '1' then
        answer = restock(own, { args[at + 1], args[1], args[2], args[4] })
      else
        answer = deduct(own, { args[at + 1], args[1], args[2], args[3] })
      end
    until answer[1] ~= 'busy'
    said[#said + 1] = answer[1]
    said[#said + 1] = answer[2] or -1
  end
  return said
end

-- ARGV: ttl. What is not known is refused from now on.
local function outcome(keys, args)
  local what = known(keys[2])
  if not what then
    remember(keys[2], 'refused', 0, args[1])
    return { 'refused' }
  end
  return { what == 'refused' and 'refused' or 'done' }
end

-- ARGV: prefix, ttl.
local function available(keys, args)
  if free_expired(keys, args[1], args[2], math.huge) then return { 'busy' } end
  local left = units_of(keys[1])
  return left and { 'done', left } or { 'nostock' }
end

-- A hold that is past its deadline is expired by whoever looks at it.
local function look(keys, id, ttl)
  local what, units, deadline = known(keys[2])
  if what == 'held' and deadline <= now(keys[1]) then
    put_back(keys, id, keys[2], 'expired', units, ttl)
    return 'expired', units
  end
  return what, units
end

local function hold_until(keys, id, units, lasts)
  local deadline = digits(now(keys[1]) + tonumber(lasts))
  redis.call('SET', keys[2], 'held:' .. digits(units) .. ':' .. deadline)
  redis.call('ZADD', keys[3], deadline, id)
end

-- ARGV: units, again, ttl, prefix, id, how long it is held.
local function reserve(keys, args)
  local what, units = look(keys, args[5], args[3])
  if what == 'refused' then return { 'refused' } end
  if what and units ~= tonumber(args[1]) then return { 'conflict' } end
  if what then return { what } end
  local refusal = take(keys, args)
  if refusal then return refusal end
  redis.call('HINCRBY', keys[1], 'held', args[1])
  hold_until(keys, args[5], tonumber(args[1]), args[6])
  return { 'held' }
end

-- ARGV: id, ttl.
local function confirm(keys, args)
  local what, units = look(keys, args[1], args[2])
  if what ~= 'held' then return { what or 'nohold' } end
  redis.call('HINCRBY', keys[1], 'held', digits(-units))
  redis.call('ZREM', keys[3], args[1])
  remember(keys[2], 'confirmed', units, args[2])
  return { 'confirmed' }
end

local function release(keys, args)
  local what, units = look(keys, args[1], args[2])
  if what ~= 'held' then return { what or 'nohold' } end
  put_back(keys, args[1], keys[2], 'released', units, args[2])
  return { 'released' }
end

-- ARGV: id, ttl, how long it is held.
local function extend(keys, args)
  local what, units = look(keys, args[1], args[2])
  if what ~= 'held' then return { what or 'nohold' } end
  hold_until(keys, args[1], units, args[3])
  return { 'held' }
end

redis.register_function('segstock_atomic_1_create', create)
redis.register_function('segstock_atomic_1_deduct', deduct)
redis.register_function('segstock_atomic_1_restock', restock)
redis.register_function('segstock_atomic_1_batch', batch)
redis.register_function('segstock_atomic_1_outcome', outcome)
redis.register_function('segstock_atomic_1_available', available)
redis.register_function('segstock_atomic_1_reserve', reserve)
redis.register_function('segstock_atomic_1_confirm', confirm)
redis.register_function('segstock_atomic_1_release', release)
redis.register_function('segstock_atomic_1_extend', extend)
