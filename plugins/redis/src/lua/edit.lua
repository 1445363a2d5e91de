-- Replaces a definition where its revision is the one that was read.
-- ARGV: id, request, expected revision, active, tags, next ('' leaves it), document, its hash, event, and the document that must
-- still be stored because another writer's edit is followed ('' for any), and is kept.
-- Answers done, same (this request wrote the present revision), none, or the stored revision.
local job, request, expected, active, tags, next, doc, sum, event, guard = unpack(ARGV)
local rt = K .. 'rt:' .. job
local s = call('HMGET', rt, 'rev', 'request', 'active', 'next', 'running', 'latest', 'status', 'seq', 'tags')
local rev, running, seq = s[1], tonumber(s[5] or '0'), s[8]
if not rev then return 'none' end
if s[2] == request then return 'same' end
if rev ~= expected or (guard ~= '' and text(document(job)) ~= guard) then return rev end

local was = s[4]
if next == '' then next = was end
local status = status_of(active, running, read_latest(s[6]).status)
if guard ~= '' then call('SET', K .. 'original:' .. job, guard) end
call('SET', document(job), doc)
call('HSET', rt, 'rev', string.format('%.0f', tonumber(rev) + 1), 'request', request, 'active', active, 'next', next,
  'status', status, 'tags', tags, 'sum', sum)
move(job, seq, s[7], status)
if active == '1' then
  call('ZADD', K .. 'active', seq, job)
else
  call('ZREM', K .. 'active', job)
end
if tags ~= s[9] then
  tag(job, nil, s[9])
  tag(job, seq, tags)
end
aim(job, active, next, was)
log(job, 'k', event)
return 'done'
