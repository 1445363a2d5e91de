-- Takes over a job whose document somebody else wrote, where the document is still the one that was read.
-- ARGV: id, the document that was read, revision, active, tags, next, document, its hash, event, last run, run,
-- its status.
-- Answers done, or known (somebody was faster), or gone (the job was deleted), or changed.
local job, original, revision, active, tags, next, doc, sum, event, last_run, run, run_status = unpack(ARGV)
if call('EXISTS', K .. 'rt:' .. job) == 1 then return 'known' end
-- As long as somebody writes a deleted job back, its tombstone stands.
if call('EXPIRE', K .. 'gone:' .. job, TOMBSTONE) == 1 then return 'gone' end
if text(document(job)) ~= original then return 'changed' end

call('SET', document(job), doc)
call('SET', K .. 'original:' .. job, original)
local seq = enter(job, revision, active, tags, next, sum, event)
if last_run ~= '' then
  local latest = { last_run, '-', '-', '-' }
  if run ~= '' then latest = { last_run, run, run_status, last_run } end
  local status = status_of(active, 0, run_status)
  call('HSET', K .. 'rt:' .. job, 'latest', table.concat(latest, ' '), 'status', status)
  touch(job)
  move(job, seq, status_of(active, 0), status)
end
soil()
return 'done'
