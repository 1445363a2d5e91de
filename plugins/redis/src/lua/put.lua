-- Writes or deletes a small document where its revision is the one that was read.
-- ARGV: key, name in the index of its space, the index, expected revision, value ('' deletes), lifetime in ms ('' for
-- ever).
-- Answers {1, new revision}, or {0, stored revision}.
local key, name, space, expected, value, lifetime = unpack(ARGV)
local ends = K .. 'record-ends'
for _, old in ipairs(call('ZRANGEBYSCORE', ends, '-inf', now, 'LIMIT', 0, 16)) do
  local old_space, old_name, old_key = unpack(cjson.decode(old))
  if call('EXISTS', old_key) == 0 then call('ZREM', old_space, old_name) end
  call('ZREM', ends, old)
end

local stored = call('GET', key)
local revision, present = '0', ''
if stored then revision, present = string.match(stored, '^(%d+) (.*)$') end
if revision ~= expected then
  return { present == value and 1 or 0, revision }
end
if value == '' then
  call('DEL', key)
  call('ZREM', space, name)
  return { 1, '0' }
end
local next = string.format('%.0f', tonumber(revision) + 1)
call('ZADD', space, 0, name)
if lifetime == '' then
  call('SET', key, next .. ' ' .. value)
else
  call('SET', key, next .. ' ' .. value, 'PX', lifetime)
  call('ZADD', ends, string.format('%.0f', now_us + 1000 * tonumber(lifetime)), cjson.encode({ space, name, key }))
end
return { 1, next }
