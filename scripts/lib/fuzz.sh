# Shell functions that build and run the fuzz targets with a stable compiler. Sourced with $root set
# and CARGO_TARGET_DIR exported, behind build.sh.
#
# cargo-fuzz is not needed: a target is an ordinary program with a few flags of the compiler, all of
# them stable. IODYNO_FUZZ_SANITIZER=address adds AddressSanitizer, which is not, and which makes
# building and running several times slower.

# Inputs longer than this are not made up, by target; seeds may be longer.
declare -A fuzz_bytes_max=(
    [preflight]=16384 [report]=4096 [cell]=4096 [ini]=4096 [toml]=4096 [value]=1024
)
declare -A fuzz_dictionary=(
    [preflight]=elf [report]=json [cell]=json [ini]=job [toml]=job [value]=job
)

# Sets fuzz_host: the machine that is built for. Named, so that build scripts are left as they are.
find_fuzz_host() {
    fuzz_host=$(rustc -vV | sed -n 's/^host: //p')
}

build_fuzz() {
    local flags=(--cfg fuzzing -Cpasses=sancov-module) flag
    for flag in level=4 inline-8bit-counters pc-table; do
        flags+=("-Cllvm-args=-sanitizer-coverage-$flag")
    done
    if [ -n "${IODYNO_FUZZ_SANITIZER:-}" ]; then
        flags+=("-Zsanitizer=$IODYNO_FUZZ_SANITIZER")
        export RUSTC_BOOTSTRAP=1
    fi
    find_fuzz_host
    env RUSTFLAGS="${flags[*]}" cargo build --quiet --release --locked --bins \
        --manifest-path "$root/fuzz/Cargo.toml" --target "$fuzz_host" \
        --target-dir "$CARGO_TARGET_DIR/fuzz"
}

# fuzz_one TARGET SECONDS: what is found is kept beside the programs and not in the tree: inputs that
# lead somewhere new, for the next time, and an input that breaks something, which is named.
fuzz_one() {
    local target=$1 seconds=$2 found log
    found=$CARGO_TARGET_DIR/fuzz/found/$target
    log=$CARGO_TARGET_DIR/fuzz/$target.log
    mkdir -p "$found"
    if "$CARGO_TARGET_DIR/fuzz/$fuzz_host/release/$target" "$found" "$root/fuzz/corpus/$target" \
        -dict="$root/fuzz/dictionaries/${fuzz_dictionary[$target]}" \
        -max_len="${fuzz_bytes_max[$target]}" -max_total_time="$seconds" -timeout=5 \
        -rss_limit_mb=1024 -malloc_limit_mb=64 -artifact_prefix="$CARGO_TARGET_DIR/fuzz/broke-$target-" \
        -print_final_stats=1 >"$log" 2>&1; then
        printf '%-10s %s inputs, nothing found\n' "$target" \
            "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
    else
        grep -E 'panicked|ERROR|assert|input took|Test unit written' "$log" >&2 || true
        tail -n 20 "$log" >&2
        printf '%-10s BROKE: see %s\n' "$target" "$log" >&2
        return 1
    fi
}

# run_fuzz SECONDS: every target for so long, as many at once as there are processors.
run_fuzz() {
    local seconds=$1 target status=0 running=0 at_once
    at_once=$(nproc)
    find_fuzz_host
    for target in preflight report cell ini toml value; do
        fuzz_one "$target" "$seconds" &
        running=$((running + 1))
        if [ "$running" -ge "$at_once" ]; then
            wait -n || status=1
            running=$((running - 1))
        fi
    done
    while [ "$running" -gt 0 ]; do
        wait -n || status=1
        running=$((running - 1))
    done
    return "$status"
}
