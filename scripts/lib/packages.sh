# Installs Debian packages that a script needs, where it may. Sourced by the scripts; the rest of the
# machine's packages stay as they are.

# install_missing: program=package pairs; installs what lacks, where that is possible.
install_missing() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "not here, and not installable as this user: ${missing[*]}"
        return
    fi
    echo "installing ${missing[*]}"
    # A machine without network goes on with what it has: the tests themselves skip with a reason.
    { apt-get update -qq &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}"; } >/dev/null || echo "could not install ${missing[*]}"
}
