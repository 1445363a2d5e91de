-- Deletes a job, ends its runs, and leaves a tombstone.
-- ARGV: id, expected revision ('' for any), request.
-- Answers done, index (done; rewrite the index now), none, or the stored revision.
local job, expected, request = unpack(ARGV)
local rt, runs = K .. 'rt:' .. job, K .. 'runs:' .. job
local s = call('HMGET', rt, 'rev', 'running', 'status', 'tags')
local rev, running = s[1], tonumber(s[2] or '0')
if not rev then
  return call('GET', K .. 'gone:' .. job) == request and 'done' or 'none'
end
if expected ~= '' and expected ~= rev then return rev end

for _, run in ipairs(call('ZRANGE', runs, 0, -1)) do
  local r = running > 0 and read_run(run)
  if r and r.status == 'running' then
    finish(run, r, 'failed', '-')
    running = running - 1
  end
  call('EXPIRE', K .. 'run:' .. run, TOMBSTONE)
end

local is_json, definition = pcall(cjson.decode, text(document(job)) or '')
local name = is_json and type(definition) == 'table' and definition.name
if type(name) ~= 'string' then name = '' end
log(job, 'k', '{"event":"JobDeleted","job_name":' .. cjson.encode(name) .. ',"revision":' .. rev .. '}')
tag(job, nil, s[4])
move(job, nil, s[3], nil)
for _, index in ipairs({ 'jobs', 'active', 'due', 'look' }) do call('ZREM', K .. index, job) end
if text(document(job)) then call('DEL', document(job)) end
call('DEL', rt, runs, K .. 'fires:' .. job, K .. 'original:' .. job)
call('SET', K .. 'gone:' .. job, request, 'EX', TOMBSTONE)
return soil() and 'index' or 'done'
