-- Reads definitions and states, each pair at one moment. ARGV: ids.
-- Answers for each: document, then the fields of its state; without a document there is no job.
local rows = {}
for i, job in ipairs(ARGV) do
  local row = call('HMGET', K .. 'rt:' .. job, 'rev', 'active', 'next', 'last_fire', 'running', 'latest', 'fires')
  table.insert(row, 1, row[1] and text(document(job)) or false)
  rows[i] = row
end
return rows
