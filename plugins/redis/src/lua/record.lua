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

local function finish_job(run, r, rt, ending)
  local s = call('HMGET', rt, 'active', 'next', 'running', 'latest', 'status', 'seq')
  local running, latest = tonumber(s[3]) - 1, read_latest(s[4])
  finish(run, r, ending, s[1] == '1' and tonumber(s[2]) and s[2] or '-')
  if latest.run == run then latest.status, latest.ended = ending, now end
  local status = status_of(s[1], running, latest.status)
  call('HSET', rt, 'running', tostring(running), 'status', status, 'latest',
    table.concat({ latest.started, latest.run, latest.status, latest.ended }, ' '))
  move(r.job, s[6], s[5], status)
end

local function record()
  local run, job, token, ending, keep, count = take(), take(), take(), take(), take(), tonumber(take())
  local key, rt, r = K .. 'run:' .. run, K .. 'rt:' .. job, read_run(run)
  local is_fenced = not r or r.token ~= token or r.job ~= job or call('EXISTS', rt) == 0
  local goes = not is_fenced and r.status == 'running'
  local counts = { stored = 0, failed = 0 }
  for _ = 1, count do
    local kind = result(key, job, keep, goes)
    if kind then counts[kind] = counts[kind] + 1 end
  end
  if is_fenced then return 'fenced' end
  r.stored, r.failed = r.stored + counts.stored, r.failed + counts.failed
  if goes and ending ~= '' then
    finish_job(run, r, rt, ending)
  elseif counts.stored + counts.failed > 0 then
    call('HSET', key, 'state', state_of(r))
  end
  return 'done'
end

local answers = {}
for i = 1, tonumber(ARGV[1]) do answers[i] = record() end
return answers
