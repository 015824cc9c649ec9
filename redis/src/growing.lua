#!lua name=segstock_growing_2

-- A part, and the pocket, is a hash with two counters that only grow: it holds added - taken units.
-- A record says what became of an order's id at its key, "what:units":
--   at a part    sold, put, refused; away: its first part was short, and it went on; short: a later part said so
--   at the pocket   sold, refused; short: gathers of this id up to that number fell short
-- The pocket's field open is the gather that is open: "number id turn units".
-- A part knows the last gather that asked it: gather, its number; piece, the units that it took; back, the same number if
-- they were put back. Those before it are over: the next one is opened when the last is closed.
-- Every key is one of the stock's own, or a record, which has its deadline from the call that writes it.

local function digits(number)
  return string.format('%.0f', number)
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

local function held(part)
  local counters = redis.call('HMGET', part, 'added', 'taken')
  return counters[1] and tonumber(counters[1]) - tonumber(counters[2])
end

-- KEYS: the server's own hash, then its parts, the pocket last if it is there. ARGV: the number of the stock's making, the
-- server's replication id, parts of the stock, servers; then for each key its units.
local function create(keys, args)
  local made = redis.call('HGET', keys[1], 'made')
  if made then return { made == args[1] and 'done' or 'exists' } end
  redis.call('HSET', keys[1], 'made', args[1], 'replid', args[2], 'parts', args[3], 'servers', args[4])
  for at = 2, #keys do
    redis.call('HSET', keys[at], 'added', args[at + 3], 'taken', '0')
  end
  return { 'done' }
end

-- KEYS: a part, the record. ARGV: units, ttl, what is remembered if the part is short; nothing if that is empty.
local function take(keys, args)
  local what, units = known(keys[2])
  if what then return { what, digits(units) } end
  local left, wanted = held(keys[1]), tonumber(args[1])
  if not left then return { 'nostock' } end
  if left >= wanted then
    redis.call('HINCRBY', keys[1], 'taken', digits(wanted))
    remember(keys[2], 'sold', wanted, args[2])
    return { 'sold', digits(wanted) }
  end
  if args[3] == '' then return { 'less', digits(left) } end
  remember(keys[2], args[3], wanted, args[2])
  return { args[3], digits(wanted) }
end

-- KEYS: a part, the record. ARGV: units, ttl.
local function put(keys, args)
  local what, units = known(keys[2])
  if what then return { what, digits(units) } end
  if not held(keys[1]) then return { 'nostock' } end
  redis.call('HINCRBY', keys[1], 'added', args[1])
  remember(keys[2], 'put', tonumber(args[1]), args[2])
  return { 'put', args[1] }
end

-- KEYS: a part, the record. ARGV: ttl. No call under this id takes anything from this part any more.
local function settle(keys, args)
  local what, units = known(keys[2])
  if what == 'sold' or what == 'put' then return { what, digits(units) } end
  remember(keys[2], 'refused', 0, args[1])
  return { 'refused', '0' }
end

-- KEYS: parts, and the pocket. ARGV: which counter.
local function sum(keys, args)
  local units = 0
  for _, key in ipairs(keys) do
    local counter = redis.call('HGET', key, args[1])
    if not counter then return { 'nostock' } end
    units = units + tonumber(counter)
  end
  return { 'done', digits(units) }
end

-- KEYS: the pocket, the record. ARGV: id, turn (of the gathers of this id), units.
local function open(keys, args)
  local what, number = known(keys[2])
  if what == 'sold' or what == 'refused' then return { what, digits(number) } end
  if what == 'short' and number >= tonumber(args[2]) then return { 'short', digits(number) } end
  local gather = redis.call('HGET', keys[1], 'open')
  if not gather then
    local fresh = redis.call('HINCRBY', keys[1], 'gathers', 1)
    redis.call('HINCRBY', keys[1], 'added', args[3])
    gather = digits(fresh) .. ' ' .. args[1] .. ' ' .. args[2] .. ' ' .. args[3]
    redis.call('HSET', keys[1], 'open', gather)
  end
  return { 'open', '0', gather }
end

-- KEYS: the pocket. The gather that is open.
local function opened(keys)
  return { 'open', '0', redis.call('HGET', keys[1], 'open') or '' }
end

-- KEYS: the pocket, the record of the order of the gather. ARGV: the gather as it was opened, sold or short, ttl.
local function close(keys, args)
  if redis.call('HGET', keys[1], 'open') ~= args[1] then return { 'done' } end
  local turn, units = args[1]:match('(%d+) (%d+)$')
  redis.call('HDEL', keys[1], 'open')
  redis.call('HINCRBY', keys[1], 'taken', units)
  remember(keys[2], args[2], tonumber(args[2] == 'sold' and units or turn), args[3])
  return { 'done' }
end

-- KEYS: the pocket, the record. ARGV: id, ttl. No gather of this id is opened any more.
local function settle_gathers(keys, args)
  local what, number = known(keys[2])
  if what == 'sold' then return { what, digits(number) } end
  local gather = redis.call('HGET', keys[1], 'open')
  if gather and gather:match('^%d+ (%S+)') == args[1] then return { 'open', '0', gather } end
  remember(keys[2], 'refused', 0, args[2])
  return { 'refused', '0' }
end

-- KEYS: a part. ARGV: the number of a gather, units that are missing. Takes what there is, once.
local function piece(keys, args)
  local seen = redis.call('HMGET', keys[1], 'added', 'taken', 'gather', 'piece')
  if not seen[1] then return { 'nostock' } end
  local last = tonumber(seen[3]) or 0
  if last == tonumber(args[1]) then return { 'done', seen[4] } end
  if last > tonumber(args[1]) then return { 'over', '0' } end
  local taken = tonumber(seen[2])
  local units = math.min(tonumber(seen[1]) - taken, tonumber(args[2]))
  redis.call('HSET', keys[1], 'taken', digits(taken + units), 'gather', args[1], 'piece', digits(units))
  return { 'done', digits(units) }
end

-- KEYS: a part. ARGV: the number of a gather. Puts its piece back, once.
local function put_back(keys, args)
  local seen = redis.call('HMGET', keys[1], 'added', 'gather', 'piece', 'back')
  if seen[2] == args[1] and seen[4] ~= args[1] then
    redis.call('HSET', keys[1], 'added', digits(seen[1] + seen[3]), 'back', args[1])
  end
  return { 'done' }
end

redis.register_function('segstock_growing_2_create', create)
redis.register_function('segstock_growing_2_take', take)
redis.register_function('segstock_growing_2_put', put)
redis.register_function('segstock_growing_2_settle', settle)
redis.register_function('segstock_growing_2_sum', sum)
redis.register_function('segstock_growing_2_open', open)
redis.register_function('segstock_growing_2_opened', opened)
redis.register_function('segstock_growing_2_close', close)
redis.register_function('segstock_growing_2_settle_gathers', settle_gathers)
redis.register_function('segstock_growing_2_piece', piece)
redis.register_function('segstock_growing_2_put_back', put_back)
