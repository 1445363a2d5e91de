-- The list of job ids, where somebody else wrote it. ARGV: none. Answers its text, or nothing.
local list = text(INDEX)
if list and redis.sha1hex(list) ~= call('HGET', K .. 'index', 'sum') then return list end
return false
