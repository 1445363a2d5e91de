-- Stores what came of some symbols of runs and ends those that are to end, each run in one step.
-- ARGV: how many runs; for each: run, job, token, status to end with ('' goes on), windows to keep ('' for all), how many
-- symbols; for each of those: symbol, mark, event, rows ('' for a failure), and for data: key, text, what comes before
-- its dates. Answers a word for each run: done, or fenced.
local at = 1

local function take()
  at = at + 1
  return ARGV[at]
end

local function dates(name) return string.sub(name, -10) .. string.sub(name, -21, -12) end

-- Drops the windows that end first, until no more than `keep` are left.
local function drop_old(owner, keep)
  local names = call('ZRANGEBYLEX', K .. 'datasets', '[' .. owner, '(' .. string.sub(owner, 1, -2) .. ';')
  local surplus = #names - tonumber(keep)
  if surplus <= 0 then return end
  table.sort(names, function(a, b) return dates(a) < dates(b) end)
  for i = 1, surplus do
    call('DEL', names[i])
    call('ZREM', K .. 'datasets', names[i])
    call('HDEL', K .. 'dataset', names[i])
  end
end

local function store(job, keep, name, data, owner, rows)
  call('SET', name, data)
  call('ZADD', K .. 'datasets', 0, name)
  call('HSET', K .. 'dataset', name, rows .. ' ' .. now .. ' ' .. job)
  if keep ~= '' then drop_old(owner, keep) end
end

-- Takes one symbol's result, and writes it where the run goes. Answers what to count it as.
local function result(key, job, keep, goes)
  local symbol, mark, event, rows = take(), take(), take(), take()
  local name, data, owner
  if rows ~= '' then name, data, owner = take(), take(), take() end
  if not goes or call('HSETNX', key, 's:' .. symbol, mark) == 0 then return nil end
  if name then store(job, keep, name, data, owner, rows) end
  log(job, name and 'd' or 'k', event)
  return name and 'stored' or 'failed'
end

local function finish_job(run, job, rt, ending, counts)
  local s = call('HMGET', rt, 'active', 'next', 'running', 'run', 'run_status', 'status', 'seq')
  local running, last, next = tonumber(s[3]) - 1, s[5], '-'
  if s[1] == '1' and tonumber(s[2]) then next = s[2] end
  finish(run, job, ending, next, counts.stored, counts.failed)
  if s[4] == run then last = ending end
  local status = status_of(s[1], running, last)
  if s[4] == run then
    call('HSET', rt, 'running', running, 'status', status, 'run_status', ending, 'run_end', now)
  else
    call('HSET', rt, 'running', running, 'status', status)
  end
  move(job, s[7], s[6], status)
end

local function record()
  local run, job, token, ending, keep, count = take(), take(), take(), take(), take(), tonumber(take())
  local key, rt = K .. 'run:' .. run, K .. 'rt:' .. job
  local r = call('HMGET', key, 'token', 'status', 'job')
  local is_fenced = r[1] ~= token or r[3] ~= job or call('EXISTS', rt) == 0
  local goes = not is_fenced and r[2] == 'running'
  local counts = { stored = 0, failed = 0 }
  for _ = 1, count do
    local kind = result(key, job, keep, goes)
    if kind then counts[kind] = counts[kind] + 1 end
  end
  if goes and ending ~= '' then
    finish_job(run, job, rt, ending, counts)
  else
    if counts.stored > 0 then call('HINCRBY', key, 'stored', counts.stored) end
    if counts.failed > 0 then call('HINCRBY', key, 'failed', counts.failed) end
  end
  return is_fenced and 'fenced' or 'done'
end

local answers = {}
for i = 1, tonumber(ARGV[1]) do answers[i] = record() end
return answers
