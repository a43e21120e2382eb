# Packs what one run brings into the guest: iodyno and its engines, the command, files, modules, and
# the libraries that programs among them need. Sourced by scripts/vm, whose arrays of options it
# reads (vm_files, vm_command, ...); writes only below the run's own directory.

# vm_is_elf FILE
vm_is_elf() {
    [ -f "$1" ] && [ "$(head -c 4 "$1" | od -An -tx1 | tr -d ' \n')" = 7f454c46 ]
}

# vm_put FILE ROOT PLACE: a file or directory of the host at that absolute place of the guest.
vm_put() {
    local from=$1 into=$2$3
    mkdir -p "$(dirname "$into")"
    cp -rL "$from" "$into" || fail "cannot copy $from"
    if vm_is_elf "$from"; then
        vm_elves+=("$from")
    fi
}

# vm_put_program FILE ROOT PLACE: one of ours, without the line tables of a debug build: the guest
# keeps it in its memory.
vm_put_program() {
    vm_put "$@"
    if [ "$(stat -c %s "$1")" -gt $((8 << 20)) ] && command -v strip >/dev/null; then
        strip --strip-debug "$2$3"
    fi
}

# vm_libraries ROOT: what the programs that were put need, at the places where they look for it.
vm_libraries() {
    local into=$1 library
    {
        # glibc loads this one when a thread ends early, and nobody names it.
        ldconfig -p 2>/dev/null || /sbin/ldconfig -p
    } | sed -n 's/.*libgcc_s\.so\.1 (.*x86-64.*=> //p' | head -n 1 >"$into.libraries"
    # A static program has none, which ldd reports as a failure.
    ldd "${vm_elves[@]}" 2>/dev/null |
        sed -n -e 's/.*=> \(\/[^ ]*\) (.*/\1/p' -e 's/^[[:space:]]*\(\/[^ :]*\) (0x.*/\1/p' |
        sort -u >>"$into.libraries" || true
    while read -r library; do
        if [ ! -e "$into$library" ]; then
            mkdir -p "$into$(dirname "$library")"
            cp -L "$library" "$into$library"
        fi
    done <"$into.libraries"
}

# vm_quoted WORD...: words for the guest's shell.
vm_quoted() {
    local word
    for word in "$@"; do
        printf "'%s' " "${word//\'/\'\\\'\'}"
    done
    printf '\n'
}

# vm_lines WORD...: one a line, none where there is none.
vm_lines() {
    [ $# = 0 ] || printf '%s\n' "$@"
}

# vm_guest_place NAME: a name in the guest is meant from where the command runs.
vm_guest_place() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '/lab/work/%s\n' "$1" ;;
    esac
}

# vm_pack_files ROOT: iodyno, named files, files that the command's words name, handy programs.
vm_pack_files() {
    local into=$1 bin=$2 file word place
    vm_elves=()
    vm_put_program "$bin/iodyno" "$into" /lab/bin/iodyno
    for file in "$bin"/libiodyno_engine_*.so; do
        vm_put_program "$file" "$into" "/lab/bin/$(basename "$file")"
    done
    for word in "${vm_guest_programs[@]}"; do
        if file=$(PATH=$PATH:/usr/sbin:/sbin command -v "$word"); then
            vm_put "$file" "$into" "/lab/bin/$word"
        fi
    done
    for word in "${vm_files[@]}"; do
        file=${word%%:*}
        place=$(basename "$file")
        case $word in
        *:*) place=${word#*:} ;;
        esac
        [ -e "$file" ] || fail "--file: $file is not there"
        vm_put "$file" "$into" "$(vm_guest_place "$place")"
    done
    for word in "${vm_command[@]}"; do
        case $word in
        /* | ../* | */../* | -*) ;;
        *) [ ! -f "$word" ] || vm_put "$word" "$into" "/lab/work/$word" ;;
        esac
    done
    vm_libraries "$into"
}

# vm_pack_orders ROOT: what the guest's first process reads.
vm_pack_orders() {
    local into=$1 path
    vm_lines "${vm_modules_first[@]}" >"$into/lab/modules-first"
    vm_lines "${vm_load[@]}" >"$into/lab/modules"
    vm_lines "${vm_nodes[@]}" >"$into/lab/nodes"
    printf '%s\n' "$vm_setup" >"$into/lab/setup"
    vm_quoted "${vm_command[@]}" >"$into/lab/command"
    for path in "${vm_bring[@]}"; do
        vm_guest_place "${path%%:*}"
    done >"$into/lab/bring"
    cp "$root/scripts/lib/vm/guest-init" "$into/init"
    chmod 755 "$into/init"
}

# vm_pack GUEST DIR BIN: makes DIR/initrd.
vm_pack() {
    local guest=$1 dir=$2 bin=$3 into=$2/root module names=()
    mkdir -p "$into/lab/work"
    vm_pack_files "$into" "$bin"
    vm_pack_orders "$into"
    for module in "${vm_load[@]}"; do
        names+=("${module%% *}")
    done
    vm_copy_modules "$guest" "$into" "${names[@]}"
    { cat "$guest/base.cpio" && vm_cpio "$into"; } >"$dir/initrd"
    rm -rf "$into" "$into.libraries"
}
