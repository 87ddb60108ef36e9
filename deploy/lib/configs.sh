# shellcheck shell=bash
# Lists of configs in the stack files, made of what is in a folder: a new rule file or board needs no line anywhere.
#
#   # every FOLDER/*.SUFFIX as PREFIX at TARGET     the references in a service
#   # every FOLDER/*.SUFFIX as PREFIX               the definitions
#   # end
#
# `make configs` writes them into the files of this folder; make up does the same to what it deploys.

# list_configs FILE: prints it with its lists as the folders are now. Folders are relative to the file.
list_configs() {
  local line folder suffix prefix target indent inside='' path name id here
  here=$(dirname "$1")
  while IFS= read -r line || [ -n "$line" ]; do
    if [ -n "$inside" ]; then
      case $line in *'# end') inside='' ;; *) continue ;; esac
    fi
    printf '%s\n' "$line"
    [[ $line =~ ^(\ +)\#\ every\ ([^ ]+)/\*\.([a-z]+)\ as\ ([a-z_]+)(\ at\ ([^ ]+))?$ ]] || continue
    inside=1
    indent=${BASH_REMATCH[1]} folder=${BASH_REMATCH[2]} suffix=${BASH_REMATCH[3]} prefix=${BASH_REMATCH[4]} target=${BASH_REMATCH[6]}
    for path in "$here/$folder"/*."$suffix"; do
      name=$(basename "$path" ".$suffix")
      id=${prefix}_${name//-/_}
      if [ -n "$target" ]; then
        printf '%s- {source: %s, target: %s/%s.%s}\n' "$indent" "$id" "$target" "$name" "$suffix"
      else
        # shellcheck disable=SC2016 # a variable of the stack file
        printf '%s%s:\n%s  name: swarmscope_%s_${%s_HASH:-dev}\n%s  file: %s/%s.%s\n' \
          "$indent" "$id" "$indent" "$id" "${id^^}" "$indent" "$folder" "$name" "$suffix"
      fi
    done
  done <"$1"
  [ -z "$inside" ] || die "$1: a list of configs without '# end'"
}
