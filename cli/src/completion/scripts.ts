/** Shells that are completed in. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
/** See {@link SHELLS}. */
export type Shell = (typeof SHELLS)[number];

/** How a shell is told, now and in each new one. */
export const HOW_TO_LOAD: Readonly<Record<Shell, string>> = {
  bash: 'eval "$(gatehouse completion bash)"            # in ~/.bashrc',
  zsh: 'eval "$(gatehouse completion zsh)"             # in ~/.zshrc, after compinit',
  fish: 'gatehouse completion fish | source             # in ~/.config/fish/config.fish',
  powershell: 'gatehouse completion powershell | Out-String | Invoke-Expression   # in $PROFILE',
};

/**
 * What a shell loads. Each asks `gatehouse complete --at=<word> -- <words before>` at the press of the key: lines of a value, a
 * tab and what it is; or `:files`, for which the shell offers files itself. Errors are nobody's business there.
 */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for gatehouse
_gatehouse() {
  local current=\${COMP_WORDS[COMP_CWORD]} files='' value _
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    if [[ $value == :files ]]; then files=1; else COMPREPLY+=("$value"); fi
  done < <("\${COMP_WORDS[0]/#\\~/$HOME}" complete "--at=$current" -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)
  if [[ $files ]]; then
    compopt -o filenames 2>/dev/null
    [[ $current == = ]] && current=''
    while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$current")
  fi
}
complete -F _gatehouse gatehouse
`,
  zsh: `#compdef gatehouse
# zsh completion for gatehouse
_gatehouse() {
  local line value files
  local -a found
  while IFS= read -r line; do
    if [[ $line == :files ]]; then files=1; continue; fi
    value=\${line%%$'\\t'*}
    found+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done < <("\${(Q)words[1]}" complete "--at=\${(Q)words[CURRENT]}" -- "\${(@Q)words[2,CURRENT-1]}" 2>/dev/null)
  (( \${#found} )) && _describe gatehouse found
  [[ -n $files ]] && _files
}
if [[ \${funcstack[1]} == _gatehouse ]]; then _gatehouse "$@"; else compdef _gatehouse gatehouse; fi
`,
  fish: `# fish completion for gatehouse
function __gatehouse_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in (gatehouse complete "--at=$current" -- $before[2..-1] 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c gatehouse -f -a '(__gatehouse_complete)'
`,
  powershell: `# PowerShell completion for gatehouse
Register-ArgumentCompleter -Native -CommandName gatehouse -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $before = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    gatehouse complete "--at=$wordToComplete" '--' @before 2>$null | Where-Object { $_ -ne ':files' } | ForEach-Object {
        $value, $what = $_ -split "\`t", 2
        if (-not $what) { $what = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $what)
    }
}
`,
};
