-- One page of a job's runs, newest first.
-- ARGV: job, token to go on before ('+inf' for all), limit, status ('' for all).
-- Answers: token of the last run where there are more ('' otherwise), the id and fields of each run.
local job, before, limit, wanted = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local found = call('ZREVRANGEBYSCORE', K .. 'runs:' .. job, '(' .. before, '-inf', 'WITHSCORES')
local page, next, last = {}, '', ''
for i = 1, #found, 2 do
  local r = read_run(found[i])
  if r and (wanted == '' or wanted == r.status) then
    if #page == limit then
      next = last
      break
    end
    page[#page + 1] = { found[i], call('HGETALL', K .. 'run:' .. found[i]) }
    last = found[i + 1]
  end
end
return { next, page }
