-- Decides claims one after the other, each whole or not at all.
-- ARGV: host, how many; for each: job, revision, from ('' for a run by hand), to, how many fires go by, for each of
-- those its time, record and event; then the run ('' for none) with fire time, how it overlaps (skip, queue or allow), head, event; without a run
-- only the event, '' for none.
-- Answers for each: granted TOKEN ATTEMPT STARTED, overlapped, advanced, or a word of refusal.
local host, at = ARGV[1], 2

local function take()
  at = at + 1
  return ARGV[at]
end

-- A claim that was answered before, and whose answer was lost.
local function repeated(job, r)
  if r.host == host and r.job == job then
    return 'granted ' .. r.token .. ' ' .. r.attempt .. ' ' .. r.started
  end
  return 'changed'
end

-- Whether this very run was passed over for overlap before.
local function overlapped_before(job, run, fire)
  local records = fire ~= '' and call('ZRANGEBYSCORE', K .. 'fires:' .. job, fire, fire) or {}
  return records[1] and string.find(records[1], ' skipped ' .. run, 1, true)
end

local function refusal(s, revision, from, earliest, has_run)
  if s[2] ~= '1' then return 'paused' end
  if s[1] ~= revision or s[3] ~= from then return 'changed' end
  local look = tonumber(string.match(from, '%-?%d+') or '')
  if has_run and (not look or look > now_us) then return 'not_due' end
  local last = tonumber(s[4] or '')
  if last and earliest and earliest <= last then return 'fired ' .. s[4] end
end

local function decide(job, fire, record)
  local fires = K .. 'fires:' .. job
  call('ZADD', fires, fire, record)
  if trims then call('ZREMRANGEBYRANK', fires, 0, -1 - FIRES) end
end

local function drop_ended(runs)
  for _, run in ipairs(call('ZRANGE', runs, 0, -1 - RUNS)) do
    local r = read_run(run)
    if not r or r.status ~= 'running' then
      call('DEL', K .. 'run:' .. run)
      call('ZREM', runs, run)
    end
  end
end

local held = {}

local function begin(job, token, run, head)
  local runs = K .. 'runs:' .. job
  local r = { status = 'running', host = host, job = job, token = token, attempt = '1', started = now, stored = '0',
    failed = '0', ended = '-' }
  call('HSET', K .. 'run:' .. run, 'head', head, 'state', state_of(r))
  call('ZADD', runs, token, run)
  if trims then drop_ended(runs) end
  held[#held + 1] = run
  held[#held + 1] = job .. ' ' .. token
end

-- The first and the last of the fires that a claim decides.
local function span(passed, first_passed, fire)
  local first, last = fire, fire
  for i = first_passed + 1, first_passed + 3 * passed, 3 do
    local at = tonumber(ARGV[i])
    if not first or at < first then first = at end
    if not last or at > last then last = at end
  end
  return first, last
end

local function claim()
  local job, revision, from, to, passed = take(), take(), take(), take(), tonumber(take())
  local first_passed = at
  at = at + 3 * passed
  local run, fire, overlap, head, event = take(), '', '', '', ''
  if run ~= '' then fire, overlap, head = take(), take(), take() end
  event = take()
  local by_hand = from == ''
  touch(job)

  local rt = K .. 'rt:' .. job
  local s = call('HMGET', rt, 'rev', 'active', 'next', 'last_fire', 'fence', 'running', 'status', 'seq', 'fires')
  if not s[1] then return 'gone' end
  if run ~= '' then
    local r = read_run(run)
    if r then return repeated(job, r) end
  end
  local first, last = span(passed, first_passed, tonumber(fire))
  local refused = not by_hand and refusal(s, revision, from, first, run ~= '')
  if refused == 'changed' and run ~= '' and overlapped_before(job, run, fire) then return 'overlapped' end
  if refused then return refused end
  local running = tonumber(s[6])
  local overlaps = run ~= '' and running > 0 and overlap ~= 'allow'
  if overlaps and (by_hand or overlap == 'queue') then return 'running' end

  local next, last_fire, fires = s[3], s[4] or '', s[9] or '0'
  if not by_hand then
    next = to
    if last then last_fire = string.format('%.0f', last) end
    for i = first_passed, first_passed + 3 * passed - 1, 3 do
      decide(job, ARGV[i + 1], ARGV[i + 2])
      log(job, 'k', ARGV[i + 3])
    end
    aim(job, '1', to, from)
    if run ~= '' then fires = string.format('%.0f', tonumber(fires) + 1) end
  end
  if run == '' or overlaps then
    call('HSET', rt, 'next', next, 'last_fire', last_fire, 'fires', fires)
    if run == '' then
      if event ~= '' then log(job, 'k', event) end
      return 'advanced'
    end
    decide(job, fire, fire .. ' skipped ' .. run .. ' - overlap')
    log(job, 'o', fire)
    return 'overlapped'
  end

  local token = token_after(s[5])
  begin(job, token, run, head)
  if not by_hand and fire ~= '' then decide(job, fire, fire .. ' fired ' .. run .. ' ' .. now .. ' ') end
  local status = status_of(s[2], running + 1)
  call('HSET', rt, 'next', next, 'last_fire', last_fire, 'fires', fires, 'fence', token, 'running', tostring(running + 1), 'status', status,
    'latest', now .. ' ' .. run .. ' running -')
  move(job, s[8], s[7], status)
  log(job, 's', event)
  return 'granted ' .. token .. ' 1 ' .. now
end

local answers = {}
for i = 1, tonumber(ARGV[2]) do answers[i] = claim() end
hold(host, held)
return answers
