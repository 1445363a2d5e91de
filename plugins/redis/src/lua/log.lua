-- What all scripts share: where keys begin, the server's clock, and the event log.
-- Above this stand the limits that the host writes: RUNS, FIRES, EVENTS, TOMBSTONE.
-- Instants are texts of microseconds since 1970: 16 digits, which a Lua number holds exactly.
local K = '{scheduler}:'
local call = redis.call
local clock = call('TIME')
local now = clock[1] .. string.format('%06d', clock[2])
local now_us = tonumber(now)

-- Calls `f` for each part of a list that is short enough for one command: its first and last place.
local function parts(list, size, f)
  for first = 1, #list, size do f(first, math.min(first + size - 1, #list)) end
end

-- Adds to the event log; `event.rs` tells what field (shape) holds what. `count` is how many events the value holds, one
-- where it is not told.
local logged, counts = {}, {}

local function log(job, field, value, count)
  local n = #logged
  logged[n + 1], logged[n + 2], logged[n + 3], logged[n + 4] = 'j', job, field, value
  counts[#counts + 1] = count or 1
end

-- Where the log ends: milliseconds and sequence.
local function log_end()
  local last = call('GET', K .. 'last_event')
  if not last then
    local info = redis.pcall('XINFO', 'STREAM', K .. 'events')
    for i = 1, info.err and 0 or #info, 2 do
      if info[i] == 'last-generated-id' then last = info[i + 1] end
    end
  end
  local ms, seq = string.match(last or '0-0', '(%d+)-(%d+)')
  return tonumber(ms), tonumber(seq)
end

-- Every thousand events their place is marked, and the log is cut where the mark is that has become too old.
local function mark_log(id, count)
  local unmarked = call('INCRBY', K .. 'unmarked_events', count)
  if unmarked < 1000 then return end
  call('SET', K .. 'unmarked_events', 0)
  if call('RPUSH', K .. 'event_marks', id) * 1000 > tonumber(EVENTS) then
    local oldest = call('LPOP', K .. 'event_marks')
    call('XTRIM', K .. 'events', 'MINID', oldest)
    call('SET', K .. 'trimmed_events', oldest)
  end
end

-- Appends what the script has logged. An entry of the stream holds up to 64 values; its id is that of its last event, and
-- those before it have the sequence numbers before its own.
local function write_log()
  if #logged == 0 then return end
  local ms, seq = log_end()
  local now_ms = math.floor(now_us / 1000)
  if now_ms > ms then ms, seq = now_ms, -1 end
  local id, total = nil, 0
  parts(logged, 256, function(a, b)
    for i = (a + 3) / 4, b / 4 do total, seq = total + counts[i], seq + counts[i] end
    id = string.format('%.0f-%.0f', ms, seq)
    call('XADD', K .. 'events', id, unpack(logged, a, b))
  end)
  call('SET', K .. 'last_event', id)
  mark_log(id, total)
end
