# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # one program with tests/swarm.sh
# Numbered lines: those in the engines' log files of all nodes against the documents in the search engine.

# What the writers' containers have in their logs, of containers that are gone as far as it was ever seen.
written() {
  local node
  for node in $(seq "$swarm_count"); do
    find "$(swarm_data "$node")/containers" -name '*-json.log*' -exec grep -ohE '"log":"numbered [0-9a-f]+ [0-9]+\\n"' {} + || true
  done | sed -E 's/"log":"numbered (.*)\\n"/\1/' | sort -u - "$work/written" >"$work/written.new"
  mv "$work/written.new" "$work/written"
}

numbered='{"match":{"message":"numbered"}}'
stored() {
  local id answer=$work/answer before
  search POST 'logstash-*/_search?scroll=5m&filter_path=_scroll_id,hits.hits._source.message' \
    "{\"size\":10000,\"sort\":[\"_doc\"],\"_source\":[\"message\"],\"query\":$numbered}" >"$answer" || return 1
  : >"$work/stored.new"
  while :; do
    before=$(wc -l <"$work/stored.new")
    jq -r '.hits.hits[]?._source.message' "$answer" | sed -n 's/^numbered //p' >>"$work/stored.new"
    [ "$(wc -l <"$work/stored.new")" -gt "$before" ] || break
    id=$(jq -r ._scroll_id "$answer")
    search POST '_search/scroll?filter_path=_scroll_id,hits.hits._source.message' \
      "{\"scroll\":\"5m\",\"scroll_id\":\"$id\"}" >"$answer" || return 1
  done
  sort "$work/stored.new" >"$work/stored"
}

# Every line that was written when this began is stored, and none twice.
conserved() {
  written
  lines_written=$(wc -l <"$work/written")
  until_true "every line is in the search engine" none_missing
  lines_twice=$(uniq -d "$work/stored" | wc -l)
  # What a writer printed and no log has: its container was killed between the two.
  lines_unlogged=$(awk '{ n[$1]++; if ($2 > max[$1]) max[$1] = $2 } END { for (c in n) lost += max[c] - n[c]; print lost + 0 }' "$work/written")
  if ((lines_twice > 0)); then
    echo "error: $lines_twice lines are there twice:" >&2
    uniq -d "$work/stored" | head -n 5 >&2
    return 1
  fi
}
none_missing() {
  local count
  why="the search engine does not answer"
  search POST 'logstash-*/_refresh' '' >/dev/null || return 1
  count=$(search POST 'logstash-*/_count' "{\"query\":$numbered}" | jq .count) || return 1
  why="$count of $lines_written lines"
  # All are read only where there may be enough of them.
  if ((count < lines_written)); then return 1; fi
  stored || return 1
  lines_missing=$(comm -23 "$work/written" <(uniq "$work/stored") | wc -l)
  why="$lines_missing of $lines_written lines are missing: $(comm -23 "$work/written" <(uniq "$work/stored") | head -n 5 | paste -sd ,)"
  ((lines_missing == 0))
}
