-- Of these ids, those of jobs that are not known and whose document exists. ARGV: ids. Answers id and document of each.
local answer = {}
for _, job in ipairs(ARGV) do
  if call('EXISTS', K .. 'rt:' .. job) == 0 then
    local doc = text(document(job))
    if doc then
      answer[#answer + 1] = job
      answer[#answer + 1] = doc
    end
  end
end
return answer
