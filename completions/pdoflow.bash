# bash completion for pdoflow: source <(pdoflow completions bash)
_pdoflow() {
  local cur=${COMP_WORDS[COMP_CWORD]} options="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "cancel completions config demo depth doctor down drain explain failures jobs list logs migrate pause pool pools post prune results resume retry status up vars wait help --help --version" -- "$cur"))
    return
  fi
  case ${COMP_WORDS[1]} in
    cancel) options="--database --json --color -q --quiet -v --verbose --state --keep-running --reason --yes"; words="" ;;
    completions) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    config) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    demo) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    depth) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    doctor) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    down) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    drain) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    explain) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    failures) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    jobs) options="--database --json --color -q --quiet -v --verbose --state --host --pool --arg --limit"; words="" ;;
    list) options="--database --json --color -q --quiet -v --verbose --all --state --limit --before"; words="" ;;
    logs) options="--database --json --color -q --quiet -v --verbose --failed --state"; words="" ;;
    migrate) options="--database --json --color -q --quiet -v --verbose --dry-run --show-sql"; words="" ;;
    pause) options="--database --json --color -q --quiet -v --verbose --state --reason"; words="" ;;
    pool) options="--database --json --color -q --quiet -v --verbose --max-workers --root --provides --only-mine --posters --oldest-every --rescue-after --recycle-after --recycle-above --reload --idle-timeout --lifetime --grace --once"; words="" ;;
    pools) options="--database --json --color -q --quiet -v --verbose --all"; words="" ;;
    post) options="--database --json --color -q --quiet -v --verbose --root --priority --tries --backoff --timeout --grace --stop-after --needs --max-failures --max-running --max-rate --output --results --no-results --keep --format --check --no-check"; words="" ;;
    prune) options="--database --json --color -q --quiet -v --verbose --older-than --state --dry-run --yes"; words="" ;;
    results) options="--database --json --color -q --quiet -v --verbose --csv --tsv --state"; words="" ;;
    resume) options="--database --json --color -q --quiet -v --verbose --state"; words="" ;;
    retry) options="--database --json --color -q --quiet -v --verbose --failed --group"; words="" ;;
    status) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    up) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    vars) options="--database --json --color -q --quiet -v --verbose --text"; words="delete get list set" ;;
    wait) options="--database --json --color -q --quiet -v --verbose --timeout --any --until"; words="" ;;
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
  elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _pdoflow pdoflow
