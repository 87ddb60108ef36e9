# Compares two answers: types, series and values of systemd and logind. What differs must be in the table, whose rows
# are KIND <tab> PATTERN <tab> REASON; kinds: type, theirs (only there), ours (only here), value.

BEGIN {
  FS = "\t"
  while ((getline row <table) > 0)
    if (row !~ /^(#|$)/) { split(row, cells, "\t"); kinds[++rows] = cells[1]; patterns[rows] = cells[2] }
  FS = " "
}

FNR == 1 { file++ }
$1 == "#" && $2 == "TYPE" && $3 ~ /^node_(systemd|logind)_/ { types[file, $3] = $4; names[$3] }
/^node_(systemd|logind)_/ || /^node_scrape_collector_success\{collector="(systemd|logind)"\}/ {
  line = $0
  value = line
  sub(/.* /, "", value)
  sub(/ [^ ]*$/, "", line)
  values[file, line] = value
  series[line]
  count[file]++
}

function differs(kind, what, told, row) {
  for (row = 1; row <= rows; row++)
    if (kinds[row] == kind && what ~ patterns[row]) { known++; return }
  if (++bad <= 30) printf "\n  %s: %s %s", kind, what, told
}

END {
  for (name in names)
    if ((1, name) in types && (2, name) in types && types[1, name] != types[2, name])
      differs("type", name, types[1, name] " there, " types[2, name] " here")
  for (line in series) {
    if (!((2, line) in values)) differs("theirs", line, "")
    else if (!((1, line) in values)) differs("ours", line, "")
    else if (values[1, line] + 0 != values[2, line] + 0)
      differs("value", line, values[1, line] " there, " values[2, line] " here")
    else same++
  }
  printf "%s%d series there, %d here, %d equal, %d known differences, %d others\n", bad ? "\n  " : "", count[1], count[2], \
    same, known, bad
  exit (bad > 0 || same == 0)
}
