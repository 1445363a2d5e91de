-- Marks and logs what came of some symbols of a run that goes on. Beside it stands what they have stored, in one
-- transaction by who has watched the run since it saw that its token is good; so nothing of that is looked at again.
-- ARGV: run, job, how many fields and values of the run, these, then events as shape, value and how many they are.
-- Answers a word for the run, as `record` does.
local first_event = 4 + tonumber(ARGV[3])
call('HSET', K .. 'run:' .. ARGV[1], unpack(ARGV, 4, first_event - 1))
for i = first_event, #ARGV, 3 do log(ARGV[2], ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])) end
write_log()
return { 'done' }
