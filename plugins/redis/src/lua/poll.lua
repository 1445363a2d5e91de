-- Renews a host's lease and answers what needs doing. ARGV: host, lease in us, how far ahead in us, limit.
-- Answers: the clock, whether to rewrite the index, due jobs (id, revision, next, last fire), when the first job that is
-- not among them is due ('' for none), and runs of hosts that no longer live (run, job and token).
local host, lease, ahead, limit = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
call('ZADD', K .. 'leases', string.format('%.0f', now_us + lease), host)

local function first(index)
  local horizon = string.format('%.0f', now_us + ahead)
  local due = call('ZRANGEBYSCORE', K .. index, '-inf', horizon, 'WITHSCORES', 'LIMIT', 0, limit + 1)
  if #due <= 2 * limit then
    local beyond = call('ZRANGEBYSCORE', K .. index, '(' .. horizon, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
    for _, part in ipairs(beyond) do due[#due + 1] = part end
  end
  return due
end

-- Both indexes merged, earliest first, as far as the horizon and the limit go.
local known, unknown = first('due'), first('look')
local due, later, a, b = {}, '', 1, 1
while a < #known or b < #unknown do
  local at_a, at_b = tonumber(known[a + 1] or '') or math.huge, tonumber(unknown[b + 1] or '') or math.huge
  local job, at
  if at_b < at_a then
    job, at, b = unknown[b], at_b, b + 2
  else
    job, at, a = known[a], at_a, a + 2
  end
  if #due == 4 * limit or at > now_us + ahead then
    later = string.format('%.0f', at)
    break
  end
  local s = call('HMGET', K .. 'rt:' .. job, 'rev', 'next', 'last_fire')
  if s[1] then
    local n = #due
    due[n + 1], due[n + 2], due[n + 3], due[n + 4] = job, s[1], s[2], s[3] or ''
  else
    call('ZREM', K .. 'due', job)
    call('ZREM', K .. 'look', job)
  end
end

local orphans = {}
for _, dead in ipairs(call('ZRANGEBYSCORE', K .. 'leases', '-inf', now)) do
  local held = call('HGETALL', K .. 'held:' .. dead)
  if #held == 0 then call('ZREM', K .. 'leases', dead) end
  for _, part in ipairs(held) do orphans[#orphans + 1] = part end
end

local is_dirty = call('HEXISTS', K .. 'index', 'dirty') == 1 and soil()
return { now, is_dirty and '1' or '', due, later, orphans }
