-- Marks what came of some symbols of runs, logs it, and ends the runs that are to end. What they have stored is written
-- beside this call, in one transaction with it, by who has watched the runs since it saw that their tokens are good and
-- which symbols are not marked yet.
-- ARGV: how many runs; for each: run, job, token, status to end with ('' goes on), how many symbols were stored, how
-- many failed; lists, each with its length before it: fields and values of marks, events as shape, value and how many
-- they are (those of what was stored are marks too); windows to keep ('' for all), and the list of owners (what comes
-- before the dates) to keep so many of.
-- Answers a word for each run: done, or fenced.
local at = 1

local function take()
  at = at + 1
  return ARGV[at]
end

-- Takes a list: its first and last place.
local function take_list()
  local first = at + 2
  at = first - 1 + tonumber(ARGV[at + 1])
  return first, at
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
  local run, job, token, ending = take(), take(), take(), take()
  local stored, failed = tonumber(take()), tonumber(take())
  local first_mark, last_mark = take_list()
  local first_event, last_event = take_list()
  local keep = take()
  local first_owner, last_owner = take_list()
  local key, rt, r = K .. 'run:' .. run, K .. 'rt:' .. job, read_run(run)
  if not r or r.token ~= token or r.job ~= job or call('EXISTS', rt) == 0 then return 'fenced' end
  if r.status ~= 'running' then return 'done' end
  if last_mark > first_mark then call('HSET', key, unpack(ARGV, first_mark, last_mark)) end
  local before = tonumber(r.stored)
  for i = first_event, last_event, 3 do
    local shape, event, count = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
    log(job, shape, event, count)
    if shape == 'b' then
      call('HSET', key, string.format('b:%d', before), event)
      before = before + count
    end
  end
  for i = first_owner, last_owner do drop_old(ARGV[i], keep) end
  r.stored, r.failed = string.format('%d', r.stored + stored), string.format('%d', r.failed + failed)
  if ending ~= '' then
    finish_job(run, r, rt, ending)
  elseif stored + failed > 0 then
    call('HSET', key, 'state', state_of(r))
  end
  return 'done'
end

local answers = {}
for i = 1, tonumber(ARGV[1]) do answers[i] = record() end
return answers
