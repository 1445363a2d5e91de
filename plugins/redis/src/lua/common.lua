-- What most scripts share: names of keys, and the steps that several of them take.
local INDEX = 'scheduler:job_index'
-- History is trimmed in one call of ten; it may be a little longer than it has to be.
local trims = string.sub(now, -1) == '7'

local function document(job) return 'scheduler:job:' .. job end

-- A text under `key`, or nil where there is none or something else.
local function text(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'string' then return value end
  return nil
end

-- Indexes that many jobs share are written once for all jobs of a script: what to take out of each, and what to put in.
local removed, added, touched = {}, {}, {}

local function put_into(lists, index, ...)
  local list = lists[index]
  if not list then
    list = {}
    lists[index] = list
  end
  for _, value in ipairs({ ... }) do list[#list + 1] = value end
end

local function write_indexes()
  for index, list in pairs(removed) do
    parts(list, 1000, function(a, b) call('ZREM', index, unpack(list, a, b)) end)
  end
  for index, list in pairs(added) do
    parts(list, 1000, function(a, b) call('ZADD', index, unpack(list, a, b)) end)
  end
  removed, added, touched = {}, {}, {}
end

-- Must be called before the indexes of a job change a second time, so that the changes keep their order.
local function touch(job)
  if touched[job] then write_indexes() end
  touched[job] = true
end

local function status_of(active, running, last)
  if active ~= '1' then return 'paused' end
  if running > 0 then return 'running' end
  if last == 'success' or last == 'partial_success' then return 'completed' end
  if last == 'failed' then return 'failed' end
  return 'pending'
end

-- Moves a job from one index of a status to another.
local function move(job, seq, from, to)
  if from == to then return end
  if from then put_into(removed, K .. 'status:' .. from, job) end
  if to then put_into(added, K .. 'status:' .. to, seq, job) end
end

-- Which index says when to look at a job, and when: `due` where its fire time is known, `look` where it is not.
local function place_of(next)
  if next == 'never' then return nil end
  if string.sub(next, 1, 1) == '?' then return 'look', string.sub(next, 2) end
  return 'due', next
end

-- Moves a job to where its next fire belongs, from where the fire before it (`was`) belongs.
local function aim(job, active, next, was)
  local index, at
  if active == '1' then index, at = place_of(next) end
  local old = was and place_of(was)
  if old and old ~= index then put_into(removed, K .. old, job) end
  if index then put_into(added, K .. index, at, job) end
end

local function tag(job, seq, tags)
  if not tags or tags == '' then return end
  for _, word in ipairs(cjson.decode(tags)) do
    if seq then
      call('ZADD', K .. 'tag:' .. word, seq, job)
    else
      call('ZREM', K .. 'tag:' .. word, job)
    end
  end
end

-- Whether the list of job ids was written so long ago that it may be written again: a second, or longer where it is
-- long, so that writing it takes a small part of the server's time however many jobs there are.
local function index_rested(written)
  local rest = math.max(1000000, 200 * call('ZCARD', K .. 'jobs'))
  return not written or now_us - tonumber(written) >= rest or tonumber(written) > now_us
end

-- Notes that the index of jobs has to be rewritten; true when that can be done at once.
local function soil()
  call('HSETNX', K .. 'index', 'dirty', now)
  return index_rested(call('HGET', K .. 'index', 'written'))
end

-- Writes a job that is not known yet, with its place in the order of creation, and logs it. `sum` is the hash of its
-- document, which tells later whether somebody else wrote another.
local function enter(job, revision, active, tags, next, sum, event)
  local seq = tostring(call('INCR', K .. 'seq'))
  local status = status_of(active, 0)
  touch(job)
  -- What is written at each fire comes first: a small hash is searched from its beginning.
  call('HSET', K .. 'rt:' .. job, 'next', next, 'last_fire', '', 'fence', '0', 'running', '0', 'status', status,
    'latest', '- - - -', 'rev', revision, 'active', active, 'seq', seq, 'tags', tags, 'sum', sum)
  put_into(added, K .. 'jobs', seq, job)
  put_into(added, K .. 'status:' .. status, seq, job)
  if active == '1' then
    put_into(added, K .. 'active', seq, job)
    aim(job, active, next)
  end
  tag(job, seq, tags)
  log(job, 'k', event)
  return seq
end

-- The next fencing token of a job: grows even where the last ones were lost with the server.
local function token_after(fence)
  local token = tonumber(fence or '0') + 1
  if token < now_us then token = now_us end
  return string.format('%.0f', token)
end

-- What changes about a run, one field because it is written often; '-' is what there is not yet.
local STATE = '^(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$'

local function read_run(run)
  local state = call('HGET', K .. 'run:' .. run, 'state')
  if not state then return nil end
  local r = {}
  r.status, r.host, r.job, r.token, r.attempt, r.started, r.stored, r.failed, r.ended = string.match(state, STATE)
  return r
end

local function state_of(r)
  return table.concat({ r.status, r.host, r.job, r.token, r.attempt, r.started, r.stored, r.failed, r.ended }, ' ')
end

-- A job's latest run: when it began, its id, its status, when it ended; '-' is what there is not.
local function read_latest(latest)
  local l = {}
  l.started, l.run, l.status, l.ended = string.match(latest or '- - - -', '^(%S+) (%S+) (%S+) (%S+)$')
  return l
end

-- Marks runs as held by `host`: each run, then its job and token. A host that never asked for work counts as one whose
-- lease has ended.
local function hold(host, held)
  if #held == 0 then return end
  call('HSET', K .. 'held:' .. host, unpack(held))
  call('ZADD', K .. 'leases', 'NX', now, host)
end

-- Ends a run that goes. `next` is the job's next fire, '-' for none.
local function finish(run, r, status, next)
  r.status, r.ended = status, now
  call('HSET', K .. 'run:' .. run, 'state', state_of(r))
  call('HDEL', K .. 'held:' .. r.host, run)
  local took = string.format('%.0f', now_us - tonumber(r.started))
  log(r.job, 'f', table.concat({ run, status, r.stored, r.failed, took, next }, ' '))
end
