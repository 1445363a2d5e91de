-- Stores what came of some symbols of a run and ends it where asked, all in one step.
-- ARGV: run, job, token, status to end with ('' goes on), windows to keep ('' for all), how many symbols;
-- for each: symbol, mark, event, rows ('' for a failure), and for data: key, text, what comes before its dates.
-- Answers done, or fenced.
local run, job, token, ending, keep, count = unpack(ARGV, 1, 6)
local key, rt = K .. 'run:' .. run, K .. 'rt:' .. job
local r = call('HMGET', key, 'token', 'status', 'job')
if r[1] ~= token or r[3] ~= job or call('EXISTS', rt) == 0 then return 'fenced' end
if r[2] ~= 'running' then return 'done' end

-- Drops the windows that end first, until no more than `keep` are left.
local function drop_old(owner)
  local names = call('ZRANGEBYLEX', K .. 'datasets', '[' .. owner, '(' .. string.sub(owner, 1, -2) .. ';')
  local surplus = #names - tonumber(keep)
  if surplus <= 0 then return end
  local function dates(name) return string.sub(name, -10) .. string.sub(name, -21, -12) end
  table.sort(names, function(a, b) return dates(a) < dates(b) end)
  for i = 1, surplus do
    call('DEL', names[i])
    call('ZREM', K .. 'datasets', names[i])
    call('HDEL', K .. 'dataset', names[i])
  end
end

local stored, failed, at = 0, 0, 6
for _ = 1, tonumber(count) do
  local symbol, mark, event, rows = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local is_data = rows ~= ''
  if call('HSETNX', key, 's:' .. symbol, mark) == 1 then
    if is_data then
      local name = ARGV[at + 5]
      call('SET', name, ARGV[at + 6])
      call('ZADD', K .. 'datasets', 0, name)
      call('HSET', K .. 'dataset', name, rows .. ' ' .. now .. ' ' .. job)
      if keep ~= '' then drop_old(ARGV[at + 7]) end
      stored = stored + 1
    else
      failed = failed + 1
    end
    log(job, 'k', event)
  end
  at = at + (is_data and 7 or 4)
end
if stored > 0 then call('HINCRBY', key, 'stored', stored) end
if failed > 0 then call('HINCRBY', key, 'failed', failed) end
if ending == '' then return 'done' end

local s = call('HMGET', rt, 'active', 'next', 'running', 'run', 'run_status', 'status', 'seq')
local running, last, next = tonumber(s[3]) - 1, s[5], '-'
if s[1] == '1' and tonumber(s[2]) then next = s[2] end
finish(run, job, ending, next)
if s[4] == run then
  last = ending
  call('HSET', rt, 'run_status', ending, 'run_end', now)
end
local status = status_of(s[1], running, last)
call('HSET', rt, 'running', running, 'status', status)
move(job, s[7], s[6], status)
return 'done'
