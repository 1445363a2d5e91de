-- Marks and logs what came of some symbols of a run that goes on. Beside it, in one transaction, stands what they have
-- stored. Whoever calls this watches the run and has seen its token and marks, so they are not looked at again.
-- Where the job is gone without a trace, the data beside this does no harm.
-- ARGV: run, job, how many fields and values of the run, these, then events as shape, value and how many they are.
-- Answers a word for the run, as `record` does.
if call('EXISTS', K .. 'rt:' .. ARGV[2]) == 0 then return { 'fenced' } end
local first_event = 4 + tonumber(ARGV[3])
call('HSET', K .. 'run:' .. ARGV[1], unpack(ARGV, 4, first_event - 1))
for i = first_event, #ARGV, 3 do log(ARGV[2], ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])) end
write_log()
return { 'done' }
