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

-- What all runs of this call store, written at its end.
local data, facts, names, drops = {}, {}, {}, {}

local function store(job, keep, result)
  local name = result.name
  data[#data + 1], data[#data + 2] = name, result.data
  facts[#facts + 1], facts[#facts + 2] = name, result.rows .. ' ' .. now .. ' ' .. job
  names[#names + 1], names[#names + 2] = 0, name
  if keep ~= '' then drops[#drops + 1] = { result.owner, keep } end
end

local function write_data()
  parts(data, 1000, function(a, b) call('MSET', unpack(data, a, b)) end)
  parts(facts, 1000, function(a, b) call('HSET', K .. 'dataset', unpack(facts, a, b)) end)
  parts(names, 1000, function(a, b) call('ZADD', K .. 'datasets', unpack(names, a, b)) end)
  for _, drop in ipairs(drops) do drop_old(drop[1], drop[2]) end
end

local function take_result()
  local result = { symbol = 's:' .. take(), mark = take(), event = take(), rows = take() }
  if result.rows ~= '' then result.name, result.data, result.owner = take(), take(), take() end
  return result
end

-- Which of these results are new to the run.
local function new_results(key, results)
  local fields, fresh, seen = {}, {}, {}
  for i, result in ipairs(results) do fields[i] = result.symbol end
  parts(fields, 1000, function(a, b)
    for i, known in ipairs(call('HMGET', key, unpack(fields, a, b))) do
      local result = results[a + i - 1]
      if not known and not seen[result.symbol] then fresh[#fresh + 1] = result end
      seen[result.symbol] = true
    end
  end)
  return fresh
end

-- Writes the results that are new to the run. Answers how many were stored and how many failed.
local function write_results(key, job, keep, results)
  local marks, stored, failed = {}, 0, 0
  for _, result in ipairs(new_results(key, results)) do
    marks[#marks + 1], marks[#marks + 2] = result.symbol, result.mark
    log(job, result.name and 'd' or 'k', result.event)
    if result.name then
      stored = stored + 1
      store(job, keep, result)
    else
      failed = failed + 1
    end
  end
  parts(marks, 1000, function(a, b) call('HSET', key, unpack(marks, a, b)) end)
  return stored, failed
end

local function finish_job(run, r, rt, ending)
  touch(r.job)
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
  local results = {}
  for i = 1, count do results[i] = take_result() end
  if is_fenced then return 'fenced' end
  local stored, failed = 0, 0
  if goes then stored, failed = write_results(key, job, keep, results) end
  r.stored, r.failed = r.stored + stored, r.failed + failed
  if goes and ending ~= '' then
    finish_job(run, r, rt, ending)
  elseif stored + failed > 0 then
    call('HSET', key, 'state', state_of(r))
  end
  return 'done'
end

local answers = {}
for i = 1, tonumber(ARGV[1]) do answers[i] = record() end
write_data()
return answers
