-- Gives a run that goes to another host, with a higher token.
-- ARGV: run, job, token that was seen, host, 1 where the owner's lease is respected, event ('' for none).
-- Answers the fields of the run as it is now, or nothing when that is not to be.
local run, job, seen, host, respects, event = unpack(ARGV)
local rt, r = K .. 'rt:' .. job, read_run(run)
local s = call('HMGET', rt, 'rev', 'fence')
if not r or r.token ~= seen or r.status ~= 'running' or not s[1] then return false end
if respects == '1' and r.host ~= host then
  local lease = call('ZSCORE', K .. 'leases', r.host)
  if lease and tonumber(lease) > now_us then return false end
end

call('HDEL', K .. 'held:' .. r.host, run)
r.host, r.token, r.attempt = host, token_after(s[2]), string.format('%d', r.attempt + 1)
call('HSET', K .. 'run:' .. run, 'state', state_of(r))
hold(host, { run, job .. ' ' .. r.token })
call('HSET', rt, 'fence', r.token)
if event ~= '' then log(job, 's', event) end
return call('HGETALL', K .. 'run:' .. run)
