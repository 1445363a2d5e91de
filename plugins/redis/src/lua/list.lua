-- One page of jobs in the order of creation.
-- ARGV: place to go on after, limit, one index or two that must both hold the job.
-- Answers: total, place of the last job looked at ('' at the end), and for each job its place, id, document and state.
local after, limit = ARGV[1], tonumber(ARGV[2])
local found, total
if ARGV[4] then
  local both = call('ZINTER', 2, K .. ARGV[3], K .. ARGV[4], 'AGGREGATE', 'MAX', 'WITHSCORES')
  found, total = {}, #both / 2
  for i = 1, #both, 2 do
    if #found > 2 * limit then break end
    if tonumber(both[i + 1]) > tonumber(after) then
      found[#found + 1] = both[i]
      found[#found + 1] = both[i + 1]
    end
  end
else
  total = call('ZCARD', K .. ARGV[3])
  found = call('ZRANGEBYSCORE', K .. ARGV[3], '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
end

local rows, last = {}, ''
for i = 1, math.min(#found, 2 * limit), 2 do
  local job = found[i]
  local row = call('HMGET', K .. 'rt:' .. job, 'rev', 'active', 'next', 'last_fire', 'running', 'latest', 'fires')
  table.insert(row, 1, row[1] and text(document(job)) or false)
  table.insert(row, 1, job)
  table.insert(row, 1, found[i + 1])
  rows[#rows + 1] = row
end
if #found > 2 * limit then last = found[2 * limit] end
return { total, last, rows }
