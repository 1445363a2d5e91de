-- One page of stored windows, ordered by key; windows whose data somebody dropped are forgotten on the way.
-- ARGV: first key ('-' for the start), end of the range ('+' for none), symbol in lower case ('' for all), limit, how
-- many to look at.
-- Answers: the key where the next page begins ('' at the end), then key and facts of each.
local first, stop, symbol, limit, budget = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local names = call('ZRANGEBYLEX', K .. 'datasets', first, stop, 'LIMIT', 0, budget + 1)
local answer = { '' }
for i, name in ipairs(names) do
  if i > budget or #answer > 2 * limit then
    answer[1] = name
    break
  end
  if symbol == '' or string.lower(string.match(name, '^[^:]*:([^:]*):') or '') == symbol then
    if call('EXISTS', name) == 1 then
      answer[#answer + 1] = name
      answer[#answer + 1] = call('HGET', K .. 'dataset', name) or ''
    else
      call('ZREM', K .. 'datasets', name)
      call('HDEL', K .. 'dataset', name)
    end
  end
end
return answer
