# bash completion for pdoflow: source <(pdoflow completions bash)
_pdoflow() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  local options="" words="" choices="" postings=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "cancel completions config demo depth doctor down drain execute-job explain failures grant jobs keys list logs migrate pause pool pools post priority-stats profile prune results resume retry revoke run set-priority set-limit set-posting-status status top up vars wait help --help --version" -- "$cur"))
    return
  fi
  case ${COMP_WORDS[1]} in
    cancel) options="--database --json --color -q --quiet -v --verbose --state --keep-running --reason --yes"; words=""; postings=1; ;;
    completions) options="--database --json --color -q --quiet -v --verbose"; words="bash zsh fish"; ;;
    config) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    demo) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    depth) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    doctor) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    down) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    drain) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    execute-job) options="--database --json --color -q --quiet -v --verbose --root --env --inspect"; words=""; postings=1; ;;
    explain) options="--database --json --color -q --quiet -v --verbose"; words=""; postings=1; ;;
    failures) options="--database --json --color -q --quiet -v --verbose"; words=""; postings=1; ;;
    grant) options="--database --json --color -q --quiet -v --verbose --role --show-sql --posters --own --share --max-open --max-argument --max-result --max-output"; words=""; ;;
    jobs) options="--database --json --color -q --quiet -v --verbose --state --host --pool --arg --limit"; words=""; postings=1; ;;
    keys) options="--database --json --color -q --quiet -v --verbose"; words="list new show"; ;;
    list) options="--database --json --color -q --quiet -v --verbose --all --state --limit --before"; words=""; ;;
    logs) options="--database --json --color -q --quiet -v --verbose --failed --state -f --follow"; words=""; postings=1; ;;
    migrate) options="--database --json --color -q --quiet -v --verbose --dry-run --show-sql"; words=""; ;;
    pause) options="--database --json --color -q --quiet -v --verbose --state --reason"; words=""; postings=1; ;;
    pool) options="--database --json --color -q --quiet -v --verbose --max-workers --root --provides --only-mine --posters --trust --allow --env --oldest-every --rescue-after --recycle-after --recycle-above --worker-user --limit-files --limit-processes --reload --idle-timeout --lifetime --grace --profile --once"; words=""; ;;
    pools) options="--database --json --color -q --quiet -v --verbose --all"; words=""; ;;
    post) options="--database --json --color -q --quiet -v --verbose --root --name --priority --priority-column --tries --backoff --timeout --grace --stop-after --max-failures --limit --max-running --rate --max-rate --output --at --keep --format --each-line --positional --header --no-header --types --from-glob --args --kw --each --check --no-check --progress --needs --results --no-results --key --sign --pin --dry-run --wait"; words=""; ;;
    priority-stats) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    profile) options="--database --json --color -q --quiet -v --verbose --to"; words=""; postings=1; ;;
    prune) options="--database --json --color -q --quiet -v --verbose --older-than --state --dry-run --yes"; words=""; ;;
    results) options="--database --json --color -q --quiet -v --verbose --csv --tsv --state"; words=""; postings=1; ;;
    resume) options="--database --json --color -q --quiet -v --verbose --state"; words=""; postings=1; ;;
    retry) options="--database --json --color -q --quiet -v --verbose --failed --group"; words=""; postings=1; ;;
    revoke) options="--database --json --color -q --quiet -v --verbose --role --show-sql"; words=""; ;;
    run) options="--database --json --color -q --quiet -v --verbose --root --name --priority --priority-column --tries --backoff --timeout --grace --stop-after --max-failures --limit --max-running --rate --max-rate --output --at --keep --format --each-line --positional --header --no-header --types --from-glob --args --kw --each --check --no-check --progress --max-workers --env -k --keep-order"; words=""; ;;
    set-priority) options="--database --json --color -q --quiet -v --verbose --state --yes"; words=""; postings=1; ;;
    set-limit) options="--database --json --color -q --quiet -v --verbose --state --max-running --max-rate"; words=""; postings=1; ;;
    set-posting-status) options="--database --json --color -q --quiet -v --verbose --state --reason --yes"; words=""; postings=1; ;;
    status) options="--database --json --color -q --quiet -v --verbose -w --watch"; words=""; postings=1; ;;
    top) options="--database --json --color -q --quiet -v --verbose -d --delay --once --read-only --no-mouse --ascii --theme"; words=""; ;;
    up) options="--database --json --color -q --quiet -v --verbose"; words=""; ;;
    vars) options="--database --json --color -q --quiet -v --verbose --text"; words="delete get list set"; ;;
    wait) options="--database --json --color -q --quiet -v --verbose --timeout --any --until"; words=""; postings=1; ;;
  esac
  case "${COMP_WORDS[1]} $prev" in
    *" --color") choices="auto always never" ;;
    "cancel --state"|"pause --state"|"resume --state"|"set-priority --state"|"set-limit --state"|"set-posting-status --state") choices="open paused errored_out cancelled" ;;
    "jobs --state"|"results --state") choices="waiting running retrying done failed cancelled" ;;
    "list --state") choices="open paused errored_out cancelled finished" ;;
    "logs --state") choices="running retrying done failed cancelled" ;;
    *" --output") choices="none failures all" ;;
    *" --format") choices="json ndjson csv tsv lines words" ;;
  esac
  if [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$options --help" -- "$cur"))
  elif [ "$COMP_CWORD" -eq 2 ] && [ -n "$words" ]; then
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  elif [ -n "$postings" ]; then
    postings=$("${COMP_WORDS[0]}" completions postings 2>/dev/null </dev/null | cut -f 1)
    # Where bash takes the @ for a word of its own, what follows it is completed alone.
    if [[ $COMP_WORDBREAKS == *@* && ( $cur == @ || $prev == @ ) ]]; then
      COMPREPLY=($(compgen -W "$(printf '%s\n' "$postings" | sed -n 's/^@//p')" -- "${cur#@}"))
    else
      COMPREPLY=($(compgen -W "last $postings" -- "$cur"))
    fi
  else
    COMPREPLY=($(compgen -f -- "$cur"))
  fi
}
complete -o filenames -F _pdoflow pdoflow
