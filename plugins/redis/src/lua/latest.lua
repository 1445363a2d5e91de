-- The window of a prefix and symbol that ends last and, of those, begins last. ARGV: `prefix:symbol:`.
local owner = ARGV[1]
local names = call('ZRANGEBYLEX', K .. 'datasets', '[' .. owner, '(' .. string.sub(owner, 1, -2) .. ';')
local function dates(name) return string.sub(name, -10) .. string.sub(name, -21, -12) end
table.sort(names, function(a, b) return dates(a) > dates(b) end)
for _, name in ipairs(names) do
  if call('EXISTS', name) == 1 then return name end
end
return false
