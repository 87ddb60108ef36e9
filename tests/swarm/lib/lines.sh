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

stored() {
  local answer id count
  answer=$(search POST 'logstash-*/_refresh' '') || return 1
  answer=$(search POST 'logstash-*/_search?scroll=5m' \
    '{"size":10000,"sort":["_doc"],"_source":["message"],"query":{"match":{"message":"numbered"}}}') || return 1
  : >"$work/stored.new"
  while :; do
    count=$(jq '.hits.hits | length' <<<"$answer")
    [ "$count" -gt 0 ] || break
    jq -r '.hits.hits[]._source.message' <<<"$answer" | sed -n 's/^numbered //p' >>"$work/stored.new"
    id=$(jq -r ._scroll_id <<<"$answer")
    answer=$(search POST _search/scroll "{\"scroll\":\"5m\",\"scroll_id\":\"$id\"}") || return 1
  done
  search DELETE _search/scroll "{\"scroll_id\":\"$id\"}" >/dev/null || true
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
  why="the search engine does not answer"
  stored || return 1
  lines_missing=$(comm -23 "$work/written" <(uniq "$work/stored") | wc -l)
  why="$lines_missing of $lines_written lines are missing: $(comm -23 "$work/written" <(uniq "$work/stored") | head -n 5 | tr '\n' ',')"
  ((lines_missing == 0))
}
