# Shell functions that the scripts share: which tools are needed, where programs are built, how.
# Sourced with $root set; prints to standard error only.

# The packages that a user runs: the program and the engines beside it.
release_packages=(iodyno)
for engine in "$root"/engines/*/; do
    engine=$(basename "$engine")
    if [ "$engine" != support ]; then
        release_packages+=("iodyno-engine-$engine")
    fi
done

# The example plugins in Rust, which tests load.
example_packages=(iodyno-example-fault iodyno-example-rust-minimal iodyno-example-panicking)

fail() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 2
}

# Cargo may be installed where only login shells look.
need_tools() {
    if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH=$HOME/.cargo/bin:$PATH
    fi
    command -v cargo >/dev/null ||
        fail "cargo is missing: install Rust 1.89 or newer (https://rustup.rs, or apt-get install rustup)"
    command -v cc >/dev/null ||
        fail "a C compiler is missing, Rust links with it: apt-get install build-essential"
}

# Where cargo puts what it builds; relative to the caller's directory, as for cargo itself.
target_dir() {
    local dir=${CARGO_TARGET_DIR:-$root/target}
    case $dir in
    /*) printf '%s\n' "$dir" ;;
    *) printf '%s/%s\n' "$PWD" "$dir" ;;
    esac
}

release_dir() {
    printf '%s/release\n' "$(target_dir)"
}

# build_release [PACKAGE...]: these beside the release packages. Shows progress only where something
# is out of date: cargo itself says so fastest.
build_release() {
    local package args=() dir
    dir=$(target_dir)
    for package in "${release_packages[@]}" "$@"; do
        args+=(--package "$package")
    done
    if [ ! -x "$dir/release/iodyno" ]; then
        echo "building iodyno and its engines, which takes a minute or two the first time" >&2
    fi
    cargo build --release --quiet --locked --manifest-path "$root/Cargo.toml" \
        --target-dir "$dir" "${args[@]}" >&2
}
