#!lua name=segstock_locked_1

-- KEYS[1]  a segment, a hash: units, seen (the greatest fencing token that it was shown), token (the last that was given),
--          owner and until of the lease (milliseconds by the server's clock)
-- KEYS[2]  the record of the order's id: "what:units"

local function digits(number)
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function field(segment, name)
  return tonumber(redis.call('HGET', segment, name)) or 0
end

-- ARGV: the number of the stock's making; then for each key its units. All keys, or none.
local function create(keys, args)
  local made = redis.call('HGET', keys[1], 'made')
  if made then return { made == args[1] and 'done' or 'exists' } end
  for part, key in ipairs(keys) do
    redis.call('HSET', key, 'units', args[part + 1], 'made', args[1], 'parts', #keys)
  end
  return { 'done' }
end

-- ARGV: owner, lease. The token, or nothing while another has the lease. An owner that asks again has its own.
local function acquire(keys, args)
  local lease = redis.call('HMGET', keys[1], 'owner', 'until', 'units')
  if not lease[3] then return { 'nostock' } end
  local time = now()
  if lease[1] == args[1] then return { 'done', field(keys[1], 'token') } end
  if lease[1] and tonumber(lease[2]) > time then return { 'taken' } end
  local token = redis.call('HINCRBY', keys[1], 'token', 1)
  redis.call('HSET', keys[1], 'owner', args[1], 'until', digits(time + tonumber(args[2])))
  return { 'done', token }
end

-- ARGV: owner.
local function release(keys, args)
  if redis.call('HGET', keys[1], 'owner') == args[1] then redis.call('HDEL', keys[1], 'owner', 'until') end
  return { 'done' }
end

-- Whether a token is too old; remembers it if it is not. A token of 0 is not looked at: that is the mistake.
local function is_fenced(segment, token)
  if token == 0 then return false end
  if token < field(segment, 'seen') then return true end
  redis.call('HSET', segment, 'seen', digits(token))
  return false
end

-- ARGV: token. The units, and what is known of the order.
local function read(keys, args)
  local record = redis.call('GET', keys[2])
  if is_fenced(keys[1], tonumber(args[1])) then return { 'fenced' } end
  return { 'done', field(keys[1], 'units'), record or '' }
end

-- ARGV: token, units that are left, record, ttl. Writes what is left and the order's record, unless the order has one.
local function write(keys, args)
  local record = redis.call('GET', keys[2])
  if record then return { 'known', 0, record } end
  if is_fenced(keys[1], tonumber(args[1])) then return { 'fenced' } end
  redis.call('HSET', keys[1], 'units', args[2])
  redis.call('SET', keys[2], args[3], 'PX', args[4])
  return { 'done' }
end

-- KEYS[1] the order's record. ARGV: record, ttl. Leaves the record where nothing is known.
local function settle(keys, args)
  local record = redis.call('GET', keys[1])
  if record then return { 'known', 0, record } end
  redis.call('SET', keys[1], args[1], 'PX', args[2])
  return { 'done', 0, args[1] }
end

-- KEYS: all segments.
local function sum(keys)
  local units = 0
  for _, key in ipairs(keys) do units = units + field(key, 'units') end
  return { 'done', units, redis.call('HGET', keys[1], 'parts') or '0' }
end

redis.register_function('segstock_locked_1_create', create)
redis.register_function('segstock_locked_1_acquire', acquire)
redis.register_function('segstock_locked_1_release', release)
redis.register_function('segstock_locked_1_read', read)
redis.register_function('segstock_locked_1_write', write)
redis.register_function('segstock_locked_1_settle', settle)
redis.register_function('segstock_locked_1_sum', sum)
