#!/usr/bin/env bash
# Plants a hash map in a copy of the sources, so that its random order reaches a rendered file: plant.sh COPY
# Changes nothing if the line it knows is not there exactly once.
set -eu
# file | the line as it is | the line as it becomes
table='
src/render/document.rs | return Doc::Map(present.map(convert).collect()); | return Doc::Map(present.map(convert).collect::<std::collections::HashMap<_, _>>().into_iter().collect());
'
copy=$1
planted=0
while IFS= read -r row; do
  [ -n "$row" ] || continue
  file=${row%% | *}
  rest=${row#* | }
  before=${rest%% | *}
  after=${rest#* | }
  [ "$(grep -cF -- "$before" "$copy/$file")" = 1 ] || { echo "$file: \`$before\` is not there exactly once" >&2; exit 1; }
  python3 - "$copy/$file" "$before" "$after" <<'PY'
import sys
path, before, after = sys.argv[1:]
text = open(path, encoding="utf-8").read()
open(path, "w", encoding="utf-8").write(text.replace(before, after))
PY
  planted=$((planted + 1))
done <<<"$table"
[ $planted -gt 0 ]
