-- Looks at known jobs and repairs what can be derived. ARGV: place to go on after, how many.
-- Answers: place of the last one ('' at the end), then for each odd one: id, revision ('' where its state is lost), and
-- the document ('' where that is lost).
local found = call('ZRANGEBYSCORE', K .. 'jobs', '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local answer = { #found == 2 * tonumber(ARGV[2]) and found[#found] or '' }

local function report(job, revision, doc)
  answer[#answer + 1] = job
  answer[#answer + 1] = revision
  answer[#answer + 1] = doc
end

-- Forgets a job whose state is lost, so that it is adopted from its document.
local function forget(job)
  for _, index in ipairs({ 'jobs', 'active', 'due', 'look', 'status:pending', 'status:running', 'status:completed',
    'status:failed', 'status:paused' }) do
    call('ZREM', K .. index, job)
  end
end

for i = 1, #found, 2 do
  local job = found[i]
  local s = call('HMGET', K .. 'rt:' .. job, 'rev', 'active', 'next', 'sum')
  local doc = text(document(job)) or ''
  if not s[1] then
    forget(job)
    report(job, '', doc)
  else
    if doc == '' or redis.sha1hex(doc) ~= s[4] then report(job, s[1], doc) end
    local index = string.sub(s[3], 1, 1) == '?' and 'look' or 'due'
    if s[2] == '1' and s[3] ~= 'never' and not call('ZSCORE', K .. index, job) then aim(job, s[2], s[3]) end
  end
end
return answer
