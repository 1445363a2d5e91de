-- Writes new jobs, each one step.
-- ARGV: how many; for each: id, active, tags, next, document, its hash, event.
-- Answers a word for each: new, same (this very job is stored), taken; at last whether to rewrite the index now.
local answers, at = {}, 1
local is_new = false

local function create(job, active, tags, next, doc, sum, event)
  if call('EXISTS', K .. 'gone:' .. job) == 1 then return 'taken' end
  if not call('SET', document(job), doc, 'NX') then
    local is_same = text(document(job)) == doc and call('EXISTS', K .. 'rt:' .. job) == 1
    return is_same and 'same' or 'taken'
  end
  enter(job, '1', active, tags, next, sum, event)
  is_new = true
  return 'new'
end

for i = 1, tonumber(ARGV[1]) do
  answers[i] = create(unpack(ARGV, at + 1, at + 7))
  at = at + 7
end
answers[#answers + 1] = (is_new and soil()) and 'index' or ''
return answers
