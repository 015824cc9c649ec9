#!lua name=segstock_batched_1

-- KEYS[1]  the stock, a hash:
--   units         that are in stock, a number
--   newer         0 or 1: which of KEYS[2] and KEYS[3] has the newer records
--   since         when that one became the newer, by the server's clock in milliseconds
--   ttl           how long an id is remembered at least, in milliseconds: the longest time that a client asked for
--   made, replid  who created it, and the server's replication id
--   ahead         milliseconds that the server's clock is ahead; for tests
--   What is not there is 0.
-- KEYS[2], KEYS[3]  the records, two hashes: an order's id, and the change of units that was made under it: -3 if three were
--   sold, 3 if three were added, 0 if it was refused
-- New records go to the newer hash. When `ttl` is over since it became the newer, the next call, whatever it asks, has the hashes
-- take turns: the older one is deleted, and takes new records. So what is deleted was written `ttl` ago at least.
-- All keys have the same hash tag, so they lie together. Every function makes its turn, which is whole by itself, then reads all
-- that it needs before it writes: no error ends it in the middle.

local DONE, REFUSED, CONFLICT = -1, -2, -3
local REFUSAL = '0'

-- A number as Redis keeps it: all digits, where tostring would round to 14 of them.
local function digits(number)
  return string.format('%.0f', number)
end

local function now(ahead)
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000) + (tonumber(ahead) or 0)
end

-- The stock, after its hashes took turns if it was time for that, and the keys of the newer and the older one. `shown` is how
-- long this client wants ids to be remembered. Nothing if there is no stock. It is the one place where ids are forgotten, and it
-- makes one turn at most.
local function opened(keys, shown)
  local fields = redis.call('HMGET', keys[1], 'units', 'newer', 'since', 'ttl', 'ahead')
  if not fields[1] then return nil end
  local newer, before, known = tonumber(fields[2]) or 0, tonumber(fields[3]) or 0, tonumber(fields[4]) or 0
  local time, ttl, since = now(fields[5]), math.max(known, tonumber(shown)), before
  if time - since >= ttl then
    since, newer = time, 1 - newer
    -- Not DEL: nobody waits until the memory of millions of ids is free.
    redis.call('UNLINK', keys[2 + newer])
  elseif since - time > ttl then
    -- The clock was set back far, and may stay so. After a small step ids are remembered for longer by that: the clock may go
    -- forward again, which must not end the time of any id early.
    since = time
  end
  if since ~= before or ttl ~= known then
    redis.call('HSET', keys[1], 'newer', newer, 'since', digits(since), 'ttl', digits(ttl))
  end
  return { units = tonumber(fields[1]), ttl = ttl, newer = keys[2 + newer], older = keys[3 - newer] }
end

-- Writes records: id, change, id, change.
local function remember(stock, records)
  redis.call('HSET', stock.newer, unpack(records))
  -- What nobody calls any more goes by itself; as long as somebody does, a turn deletes it before.
  redis.call('PEXPIRE', stock.newer, digits(3 * stock.ttl))
end

-- ARGV: units, replid, and a number by which an attempt knows what one before it made.
local function create(keys, args)
  local made = redis.call('HGET', keys[1], 'made')
  if made then return { made == args[3] and 'done' or 'exists' } end
  redis.call('HSET', keys[1], 'units', args[1], 'replid', args[2], 'made', args[3])
  return { 'done' }
end

-- What is answered of an id that is known.
local function repeated(record, change)
  if record == REFUSAL then return REFUSED end
  return record == change and DONE or CONFLICT
end

-- ARGV: again, ttl, most; the ids of some orders; and the change that each of them wants, in the same sequence. No id is there
-- twice. Answers a number for each order: DONE, REFUSED, CONFLICT, or the units in stock that refuse it. Answers none if there is
-- no stock.
local function decide(keys, args)
  local stock = opened(keys, args[2])
  if not stock then return {} end
  local orders = (#args - 3) / 2
  local newer = redis.call('HMGET', stock.newer, unpack(args, 4, 3 + orders))
  local older = redis.call('HMGET', stock.older, unpack(args, 4, 3 + orders))
  local again, most, units = args[1] == '1', tonumber(args[3]), stock.units
  local said, records, length = {}, {}, 0
  for n = 1, orders do
    local record, change = newer[n] or older[n], args[3 + orders + n]
    if record then
      said[n] = repeated(record, change)
    else
      local after = units + tonumber(change)
      if after >= 0 and after <= most then
        units, said[n] = after, DONE
      else
        -- A first attempt has no copy under way: nothing is written.
        said[n], change = units, again and REFUSAL
      end
      if change then
        records[length + 1], records[length + 2] = args[3 + n], change
        length = length + 2
      end
    end
  end
  if units ~= stock.units then redis.call('HSET', keys[1], 'units', digits(units)) end
  if length > 0 then remember(stock, records) end
  return said
end

-- ARGV: ttl, id. What is not known is refused from now on.
local function outcome(keys, args)
  local stock = opened(keys, args[1])
  if not stock then return { 'nostock' } end
  local record = redis.call('HGET', stock.newer, args[2]) or redis.call('HGET', stock.older, args[2])
  if not record then remember(stock, { args[2], REFUSAL }) end
  return { (record and record ~= REFUSAL) and 'done' or 'refused' }
end

-- ARGV: ttl.
local function available(keys, args)
  local stock = opened(keys, args[1])
  return stock and { 'done', stock.units } or { 'nostock' }
end

redis.register_function('segstock_batched_1_create', create)
redis.register_function('segstock_batched_1_decide', decide)
redis.register_function('segstock_batched_1_outcome', outcome)
redis.register_function('segstock_batched_1_available', available)
