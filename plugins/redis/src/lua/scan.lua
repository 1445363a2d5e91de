-- The documents of a space in a range of keys. ARGV: index, what comes before a key, first, stop, limit.
-- Answers key and value of each; those whose time is over are forgotten on the way.
local space, before, first, stop, limit = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local answer = {}
while #answer < 2 * limit do
  local names = call('ZRANGEBYLEX', space, first, stop, 'LIMIT', 0, limit)
  for _, name in ipairs(names) do
    local value = call('GET', before .. name)
    if not value then
      call('ZREM', space, name)
    elseif #answer < 2 * limit then
      answer[#answer + 1] = name
      answer[#answer + 1] = value
    end
    first = '(' .. name
  end
  if #names < limit then break end
end
return answer
