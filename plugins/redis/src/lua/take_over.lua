-- Gives a run that goes to another host, with a higher token.
-- ARGV: run, job, token that was seen, host, 1 where the owner's lease is respected, event ('' for none).
-- Answers the fields of the run as it is now, or nothing when that is not to be.
local run, job, seen, host, respects, event = unpack(ARGV)
local key, rt = K .. 'run:' .. run, K .. 'rt:' .. job
local r = call('HMGET', key, 'host', 'token', 'status')
local s = call('HMGET', rt, 'rev', 'fence')
if not r[1] or r[2] ~= seen or r[3] ~= 'running' or not s[1] then return false end
if respects == '1' and r[1] ~= host then
  local lease = call('ZSCORE', K .. 'leases', r[1])
  if lease and tonumber(lease) > now_us then return false end
end

local token = token_after(s[2])
call('HSET', key, 'host', host, 'token', token)
call('HINCRBY', key, 'attempt', 1)
call('HDEL', K .. 'held:' .. r[1], run)
hold(host, { run, job .. ' ' .. token })
call('HSET', rt, 'fence', token)
if event ~= '' then log(job, 's', event) end
return call('HGETALL', key)
