# SPDX-License-Identifier: Apache-2.0
# Completion of flowrun by bash, from what --help says: commands (those of plugins, too), their options, files.
_flowrun() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=
  if [ "$COMP_CWORD" = 1 ]; then
    words=$("$1" --help 2>/dev/null | awk 'toupper($0) ~ /^SUBCOMMANDS:/ {on = 1; next} /^$/ {on = 0}
                                           on && /^  [a-z]/ {print $1}
                                           sub(/^Commands of plugins[^:]*: /, "") {print}')
  elif [ "$command" = nodes ] && [ "$COMP_CWORD" = 2 ] && [[ $word != -* ]]; then
    words=$("$1" nodes 2>/dev/null | awk '{print $1}')
  fi
  case $word in
    -*) [ "$COMP_CWORD" = 1 ] && command=
        words=$("$1" $command --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u) ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _flowrun flowrun
