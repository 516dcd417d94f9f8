/** Shells that completions are made for. */
export const SHELLS = ['bash', 'zsh', 'fish', 'powershell'] as const;
export type Shell = (typeof SHELLS)[number];

const PROGRAM = 'midswap';
/** The other name of the program, under which every argument is the client's. */
const DROP_IN = 'mclaude';

/**
 * The completion script for both names of the program. What follows `mclaude` is asked for as what follows
 * `midswap claude`. `make` gives the script of the library for one name of a program that asks `midswap`.
 */
export function completionScript(shell: Shell, make: (name: string) => string): string {
  if (shell === 'bash') return BASH;
  const own = make(PROGRAM);
  const dropIn = make(DROP_IN).replaceAll(/(midswap complete (?:--|'--'))/g, '$1 claude');
  return shell === 'zsh' ? zshScript(own, dropIn) : `${own}\n${dropIn}`;
}

/**
 * One file for both commands. Put into a folder of functions it is run as `_midswap` at the first completion of either,
 * and has to go on with the one that was asked for.
 */
function zshScript(own: string, dropIn: string): string {
  const [, header = '', rest = ''] = /^(#compdef midswap\n)(.*)$/s.exec(own) ?? [];
  const body = dropIn.replace(/^#compdef mclaude\n/, '').replace(/\n# don't run[\s\S]*$/, '\n');
  const going = rest.replace(
    /(if \[ "\$\{funcstack\[1\]\}" = "_midswap" \]; then\n)\s*_midswap\nfi/,
    `$1    if [ "$service" = "${DROP_IN}" ]; then _${DROP_IN}; else _midswap; fi\nfi`,
  );
  return `${header.trimEnd()} ${DROP_IN}\n${body}\n${going}`;
}

/**
 * The words are those of the line up to the cursor, split at blanks and never evaluated: what stands on the line may be
 * a command substitution. Bash takes a colon and an equals sign for the end of a word, references and flags do not.
 */
const BASH = String.raw`# bash completion for midswap and mclaude

_midswap_complete() {
    local line="\${COMP_LINE:0:COMP_POINT}" out directive value current kept=""
    local -a words asked
    read -ra words <<< "$line"
    if [[ -z "$line" || "$line" == *[[:space:]] ]]; then words+=(""); fi
    asked=("\${words[@]:1}")
    if [[ "\${words[0]##*/}" == mclaude ]]; then asked=(claude "\${asked[@]}"); fi
    COMPREPLY=()
    out="$(midswap complete -- "\${asked[@]}" 2>/dev/null)" || return 0
    directive="\${out##*:}"
    out="\${out%:*}"
    current="\${words[\${#words[@]}-1]}"
    if [[ "$current" == -*=* ]]; then current="\${current#*=}"; fi
    if [[ "$COMP_WORDBREAKS" == *:* && "$current" == *:* ]]; then kept="\${current%:*}:"; fi
    while IFS=$'\t' read -r value _; do
        if [[ -n "$value" && "$value" == "$current"* ]]; then COMPREPLY+=("\${value#"$kept"}"); fi
    done <<< "$out"
    if (( (directive & 4) != 0 )); then compopt +o default 2>/dev/null; fi
    return 0
}

complete -o default -F _midswap_complete midswap mclaude
`.replaceAll('\\${', '${');
