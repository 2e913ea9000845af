# bash completion for pdoflow: source <(pdoflow completions bash)
_pdoflow() {
  local cur=${COMP_WORDS[COMP_CWORD]} options="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "cancel completions config demo depth doctor down drain execute-job explain failures grant jobs list logs migrate pause pool pools post priority-stats profile prune results resume retry revoke run set-priority set-limit set-posting-status status top up vars wait help --help --version" -- "$cur"))
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
    execute-job) options="--database --json --color -q --quiet -v --verbose --root --inspect"; words="" ;;
    explain) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    failures) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    grant) options="--database --json --color -q --quiet -v --verbose --role --show-sql --posters --own --share --max-open --max-argument"; words="" ;;
    jobs) options="--database --json --color -q --quiet -v --verbose --state --host --pool --arg --limit"; words="" ;;
    list) options="--database --json --color -q --quiet -v --verbose --all --state --limit --before"; words="" ;;
    logs) options="--database --json --color -q --quiet -v --verbose --failed --state -f --follow"; words="" ;;
    migrate) options="--database --json --color -q --quiet -v --verbose --dry-run --show-sql"; words="" ;;
    pause) options="--database --json --color -q --quiet -v --verbose --state --reason"; words="" ;;
    pool) options="--database --json --color -q --quiet -v --verbose --max-workers --root --provides --only-mine --posters --oldest-every --rescue-after --recycle-after --recycle-above --reload --idle-timeout --lifetime --grace --profile --once"; words="" ;;
    pools) options="--database --json --color -q --quiet -v --verbose --all"; words="" ;;
    post) options="--database --json --color -q --quiet -v --verbose --root --name --priority --priority-column --tries --backoff --timeout --grace --stop-after --max-failures --limit --max-running --rate --max-rate --output --at --keep --format --each-line --positional --header --no-header --types --from-glob --args --kw --each --check --no-check --progress --needs --results --no-results --key --dry-run --wait"; words="" ;;
    priority-stats) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    profile) options="--database --json --color -q --quiet -v --verbose --to"; words="" ;;
    prune) options="--database --json --color -q --quiet -v --verbose --older-than --state --dry-run --yes"; words="" ;;
    results) options="--database --json --color -q --quiet -v --verbose --csv --tsv --state"; words="" ;;
    resume) options="--database --json --color -q --quiet -v --verbose --state"; words="" ;;
    retry) options="--database --json --color -q --quiet -v --verbose --failed --group"; words="" ;;
    revoke) options="--database --json --color -q --quiet -v --verbose --role --show-sql"; words="" ;;
    run) options="--database --json --color -q --quiet -v --verbose --root --name --priority --priority-column --tries --backoff --timeout --grace --stop-after --max-failures --limit --max-running --rate --max-rate --output --at --keep --format --each-line --positional --header --no-header --types --from-glob --args --kw --each --check --no-check --progress --max-workers -k --keep-order"; words="" ;;
    set-priority) options="--database --json --color -q --quiet -v --verbose --state --yes"; words="" ;;
    set-limit) options="--database --json --color -q --quiet -v --verbose --state --max-running --max-rate"; words="" ;;
    set-posting-status) options="--database --json --color -q --quiet -v --verbose --state --reason --yes"; words="" ;;
    status) options="--database --json --color -q --quiet -v --verbose"; words="" ;;
    top) options="--database --json --color -q --quiet -v --verbose -d --delay --once --read-only --no-mouse --ascii --theme"; words="" ;;
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
