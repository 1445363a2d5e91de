-- Rewrites the JSON list of job ids from the truth, not too often and only where it differs.
-- An id that somebody else wrote there, and whose document exists, stays until its job is adopted. ARGV: none.
local s = call('HMGET', K .. 'index', 'written', 'sum')
if not index_rested(s[1]) then return 0 end
local stored = redis.pcall('GET', INDEX)
if type(stored) == 'table' then return 0 end

local ids, known = call('ZRANGE', K .. 'jobs', 0, -1), {}
for i, id in ipairs(ids) do
  known[id] = true
  ids[i] = '"' .. id .. '"'
end
if stored and redis.sha1hex(stored) ~= s[2] then
  local is_json, theirs = pcall(cjson.decode, stored)
  for _, id in ipairs(is_json and type(theirs) == 'table' and theirs or {}) do
    if type(id) == 'string' and not known[id] and call('EXISTS', document(id)) == 1
      and call('EXISTS', K .. 'gone:' .. id) == 0 then
      known[id] = true
      ids[#ids + 1] = cjson.encode(id)
    end
  end
end
local list = '[' .. table.concat(ids, ', ') .. ']'
if list ~= (stored or '[]') then call('SET', INDEX, list) end
call('HSET', K .. 'index', 'written', now, 'sum', redis.sha1hex(list))
call('HDEL', K .. 'index', 'dirty')
return 1
