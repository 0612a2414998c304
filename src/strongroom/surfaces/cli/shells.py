"""Completion scripts: a few lines a shell that ask the program on each tab press (ADR 0008)."""

from strongroom.base.errors import Usage

from .front import FRONTS, suggest
from .invocation import Invocation

PROGRAMS = " ".join(front.prog for front in FRONTS)

BASH = r"""# bash completion of strongroom
_strongroom() {
  # bash splits words at : and =, which locators and flags hold: join what no space divides
  local rest=$COMP_LINE words=() word gap i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    gap=${rest%%[![:space:]]*}
    rest=${rest#"$gap"}
    rest=${rest#"$word"}
    if ((i > 0)) && [[ -z $gap && -n $word ]]; then
      words[${#words[@]} - 1]+=$word
    elif ((i > 0)) && [[ -z $gap && ${COMP_WORDS[i - 1]} == [:=]* ]]; then
      continue
    else
      words+=("$word")
    fi
  done
  local typed=${words[${#words[@]} - 1]} split='' value _ quoted program
  case ${COMP_WORDS[COMP_CWORD]} in
    "$typed") ;;
    :* | =*) split=$typed ;;
    *) split=${typed%"${COMP_WORDS[COMP_CWORD]}"} ;;
  esac
  for ((i = 0; i < ${#words[@]}; i++)); do
    word=${words[i]#[\"\']}
    word=${word%[\"\']}
    words[i]=${word//\\/}
  done
  program=${words[0]/#\~\//$HOME/}
  COMPREPLY=()
  while IFS=$'\t' read -r value _; do
    printf -v quoted %q "${value#\~/}"
    [[ $value == \~/* ]] && quoted=\~/$quoted
    [[ $value == */ || $value == *:: ]] && compopt -o nospace
    COMPREPLY+=("${quoted#"$split"}")
  done < <("$program" __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _strongroom @PROGRAMS@
"""

ZSH = r"""#compdef @PROGRAMS@
# zsh completion of strongroom
_strongroom() {
  local -a whole whole_shown begun begun_shown
  local value text program=${(Q)words[1]}
  program=${program/#\~\//$HOME/}
  while IFS=$'\t' read -r value text; do
    if [[ $value == */ || $value == *:: ]]; then
      begun_shown+=("$value${text:+  $text}")
    else
      whole_shown+=("$value${text:+  $text}")
    fi
    if [[ $value == '~/'* ]]; then
      value="~/${(q)value#\~/}"
    else
      value=${(q)value}
    fi
    if [[ $value == */ || $value == *:: ]]; then
      begun+=("$value")
    else
      whole+=("$value")
    fi
  done < <("$program" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#begun )) && compadd -U -Q -S '' -l -d begun_shown -a begun
  (( $#whole )) && compadd -U -Q -l -d whole_shown -a whole
  (( $#begun + $#whole ))
}
if [[ $funcstack[1] == _strongroom ]]; then
  _strongroom "$@"
else
  compdef _strongroom @PROGRAMS@
fi
"""

FISH = r"""# fish completion of strongroom
function __strongroom_complete
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    test (count $word) -eq 0; and set word ''
    $words[1] __complete -- $words[2..-1] $word 2>/dev/null
end
for program in @PROGRAMS@
    complete -c $program -f -a '(__strongroom_complete)'
end
"""

POWERSHELL = r"""# PowerShell completion of strongroom
$programs = '@PROGRAMS@' -split ' '
Register-ArgumentCompleter -Native -CommandName $programs -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $elements = @($commandAst.CommandElements | ForEach-Object { "$_" })
    $words = @($elements | Select-Object -Skip 1)
    if (-not $wordToComplete) { $words += '""' }
    & $elements[0] __complete -- @words 2>$null | ForEach-Object {
        $value, $text = $_ -split "`t", 2
        if (-not $text) { $text = $value }
        $kind = 'ParameterValue'
        [System.Management.Automation.CompletionResult]::new($value, $value, $kind, $text)
    }
}
"""

ELVISH = r"""# elvish completion of strongroom
use str
for program [@PROGRAMS@] {
  set edit:completion:arg-completer[$program] = {|@words|
    (external $words[0]) __complete -- (all $words[1..]) 2>/dev/null | from-lines | each {|line|
      var value @text = (str:split "\t" $line)
      var suffix = ' '
      if (or (str:has-suffix $value /) (str:has-suffix $value ::)) { set suffix = '' }
      edit:complex-candidate $value &code-suffix=$suffix
    }
  }
}
"""

SCRIPTS = {
    "bash": BASH,
    "zsh": ZSH,
    "fish": FISH,
    "powershell": POWERSHELL,
    "elvish": ELVISH,
}


def completion(invocation: Invocation) -> int:
    """Write the completion script of a shell, for all four programs."""
    shell = invocation.words[0]
    if shell not in SCRIPTS:
        hint = suggest(shell, list(SCRIPTS)) or f"one of {', '.join(SCRIPTS)}"
        raise Usage(f"there is no completion for {shell!r}", hint=hint)
    invocation.write(SCRIPTS[shell].replace("@PROGRAMS@", PROGRAMS))
    return 0
