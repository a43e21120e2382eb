# Shell functions that count instructions per request, and judge them. Sourced with $root set, behind
# build.sh and packages.sh, by scripts/test and scripts/bench; docs/instructions.md.
#
# The release program runs under callgrind, started by gungraun (tests/instructions). Everything it
# leaves lies in $CARGO_TARGET_DIR/instructions; profiles of the last count in profiles/ there.

instructions_cargo() {
    local command=$1
    shift
    cargo "$command" --quiet --locked --manifest-path "$root/tests/instructions/Cargo.toml" \
        --target-dir "$(target_dir)/instructions" "$@"
}

# Says why instructions cannot be counted here; nothing if they can.
instructions_obstacle() {
    if [ "$(uname -s)" != Linux ]; then
        echo "valgrind counts on Linux"
    elif ! command -v valgrind >/dev/null; then
        echo "valgrind is missing: apt-get install valgrind"
    fi
}

# count_instructions IODYNO NAME: runs every case of that program; leaves its counts in a directory
# of that name and sets $counted to it. What the runs print is shown only when one fails.
count_instructions() {
    local dir
    dir=$(target_dir)/instructions
    if [ ! -x "$dir/debug/gungraun-runner" ]; then
        echo "building what counts, which takes a minute the first time" >&2
    fi
    counted=$dir/counted-$2
    rm -rf "$counted" "$dir/profiles"
    mkdir -p "$counted"
    cc -shared -fPIC -O1 -o "$dir/own_program.so" "$root/tests/instructions/own_program.c" -ldl
    # Randomized addresses do not change counts, and switching them off is not allowed everywhere.
    if ! GUNGRAUN_HOME=$dir/profiles GUNGRAUN_COLOR=never IODYNO_COUNTED=$1 \
        IODYNO_COUNT_PRELOAD=$dir/own_program.so IODYNO_COUNT_DIR=$counted \
        instructions_cargo bench --profile dev --bench instructions -- \
        --output-format=json --parallel=auto --allow-aslr=yes \
        >"$counted/counted.json" 2>"$counted/log"; then
        cat "$counted"/*.log "$counted/log" >&2
        rm -f "$counted"/*.data
        return 2
    fi
    rm -f "$counted"/*.data
    # Of the threads that only watched there is nothing to see.
    grep -rlx 'totals: 0' "$dir/profiles" | xargs -r rm -f
}

# judge_instructions: counts the release program and compares with what is recorded, or with the file
# that IODYNO_INSTRUCTIONS_RECORDED names. Status 1: something grew; 3: not comparable.
judge_instructions() {
    local recorded=${IODYNO_INSTRUCTIONS_RECORDED:-$root/tests/instructions/recorded.json}
    count_instructions "$(release_dir)/iodyno" now || return
    instructions_cargo run --bin instructions -- judge "$counted" "$recorded"
}

# bench_instructions [--record | --before IODYNO]
bench_instructions() {
    local obstacle before=
    case ${1:-}:$# in
    :* | --record:1) ;;
    --before:2) before=$(realpath -e -- "$2" 2>/dev/null) || fail "--before: there is no program $2" ;;
    --before:*) fail "--before wants one argument, another build of iodyno" ;;
    *) fail "instructions takes nothing, --record, or --before IODYNO; not '$*'" ;;
    esac
    install_missing valgrind=valgrind >&2
    obstacle=$(instructions_obstacle)
    [ -z "$obstacle" ] || fail "$obstacle"
    build_release
    case ${1:-} in
    '') judge_instructions ;;
    --record)
        count_instructions "$(release_dir)/iodyno" now
        instructions_cargo run --bin instructions -- record "$counted" \
            "$root/tests/instructions/recorded.json"
        ;;
    --before)
        count_instructions "$before" before
        before=$counted
        count_instructions "$(release_dir)/iodyno" now
        instructions_cargo run --bin instructions -- compare "$before" "$counted"
        ;;
    esac
}
