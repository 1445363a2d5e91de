-- The events after an id. ARGV: id, limit.
-- Answers: id of the newest event, 1 where events after the id are no longer kept, the events.
local key, after, limit = K .. 'events', ARGV[1], tonumber(ARGV[2])
local info = redis.pcall('XINFO', 'STREAM', key)
if info.err then return { '0-0', '', {} } end
local facts = {}
for i = 1, #info, 2 do facts[info[i]] = info[i + 1] end

local function is_before(a, b)
  local a_ms, a_seq = string.match(a, '(%d+)-(%d+)')
  local b_ms, b_seq = string.match(b, '(%d+)-(%d+)')
  if a_ms ~= b_ms then return tonumber(a_ms) < tonumber(b_ms) end
  return tonumber(a_seq) < tonumber(b_seq)
end

-- `entries-added` came with Redis 7; before it, a log that was trimmed is known by its length.
local was_trimmed = facts['length'] >= tonumber(EVENTS)
if facts['entries-added'] then was_trimmed = facts['entries-added'] > facts['length'] end
local first = facts['first-entry'] and facts['first-entry'][1]
local too_old = was_trimmed and (not first or is_before(after, first))
local events = {}
if limit > 0 then events = call('XRANGE', key, '(' .. after, '+', 'COUNT', limit) end
return { facts['last-generated-id'], too_old and '1' or '', events }
