-- How many jobs there are. ARGV: the words of status.
-- Answers: total, active, runs that go, the next job to fire and when ('' for none), a number for each status.
local running = 0
for _, host in ipairs(call('ZRANGE', K .. 'leases', 0, -1)) do
  running = running + call('HLEN', K .. 'held:' .. host)
end
local first = call('ZRANGE', K .. 'due', 0, 0, 'WITHSCORES')
local answer = { call('ZCARD', K .. 'jobs'), call('ZCARD', K .. 'active'), running, first[1] or '', first[2] or '0', {} }
for _, status in ipairs(ARGV) do table.insert(answer[6], call('ZCARD', K .. 'status:' .. status)) end
return answer
