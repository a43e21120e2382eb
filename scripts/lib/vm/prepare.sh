# Makes the guest's unchanging part once and keeps it in a cache outside the tree: a kernel as ELF,
# its modules unpacked, a base initramfs with busybox. Sourced by scripts/vm after facts.sh and
# build.sh. Nothing of the kernel package is installed on the host; apt runs with a state directory
# and sources of its own, and checks signatures as always.

# Prints the directory of the cache.
vm_cache() {
    printf '%s\n' "${IODYNO_VM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/iodyno/vm}"
}

# vm_apt CACHE ARGS...: apt-get that knows the laboratory's sources and leaves the host's alone.
vm_apt() {
    local dir=$1/apt
    shift
    apt-get -qq -o Dir::State="$dir/state" -o Dir::Cache="$dir/cache" \
        -o Dir::State::status="$dir/status" -o Dir::Etc::SourceList="$dir/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null \
        -o Dir::Etc::PreferencesParts=/dev/null -o APT::Architecture=amd64 \
        -o APT::Architectures=amd64 -o APT::Sandbox::User= -o Acquire::Languages=none \
        -o Acquire::Retries=3 "$@"
}

# vm_fetch CACHE DIR: the packages, into DIR.
vm_fetch() {
    local cache=$1 into=$2 suite kernel
    [ -r "$vm_keyring" ] || fail "$vm_keyring is missing: apt-get install debian-archive-keyring"
    mkdir -p "$cache/apt/state/lists/partial" "$cache/apt/cache/archives/partial" "$into"
    : >"$cache/apt/status"
    for suite in "${vm_suites[@]}"; do
        printf 'deb [arch=amd64 signed-by=%s] %s %s main\n' "$vm_keyring" "$vm_mirror" "$suite"
    done >"$cache/apt/sources.list"
    vm_apt "$cache" update >&2 || fail "Debian's package lists do not come from $vm_mirror"
    kernel=$(apt-cache -o Dir::State="$cache/apt/state" -o Dir::Cache="$cache/apt/cache" \
        -o Dir::State::status="$cache/apt/status" -o Dir::Etc::SourceList="$cache/apt/sources.list" \
        -o Dir::Etc::SourceParts=/dev/null -o APT::Architecture=amd64 \
        -o APT::Default-Release="$vm_kernel_suite" depends --important "$vm_kernel_package" |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$kernel" ] || fail "$vm_kernel_suite has no $vm_kernel_package"
    echo "fetching $kernel and busybox-static from $vm_mirror" >&2
    (cd "$into" && vm_apt "$cache" download "$kernel/$vm_kernel_suite" busybox-static >&2) ||
        fail "the packages do not come from $vm_mirror"
}

# vm_u FILE OFFSET BYTES: an unsigned number, little-endian as the machine.
vm_u() {
    od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# vm_elf BZIMAGE ELF: the kernel inside of a bzImage, which starts in half the time because nothing
# needs to unpack it under emulation. Places are those of the kernel's boot protocol.
vm_elf() {
    local image=$1 elf=$2 start length
    start=$((($(vm_u "$image" $((0x1f1)) 1) + 1) * 512 + $(vm_u "$image" $((0x248)) 4)))
    length=$(($(vm_u "$image" $((0x24c)) 4) - 4))
    head -c $((start + length)) "$image" | tail -c "$length" >"$elf.zst"
    zstd -dqf "$elf.zst" -o "$elf" || fail "the kernel in $image is not packed with zstd"
    rm -f "$elf.zst"
}

# vm_unpack DEBS DIR: makes DIR/vmlinux, DIR/tree/lib/modules/VERSION, DIR/version, DIR/base.cpio.
vm_unpack() {
    local debs=$1 dir=$2 version modules applet
    mkdir -p "$dir/kernel" "$dir/busybox" "$dir/tree/lib" "$dir/base"
    dpkg-deb -x "$debs"/linux-image-*.deb "$dir/kernel"
    dpkg-deb -x "$debs"/busybox-static_*.deb "$dir/busybox"
    modules=$dir/kernel/lib/modules
    [ -d "$modules" ] || modules=$dir/kernel/usr/lib/modules
    version=$(basename "$modules"/*)
    echo "$version" >"$dir/version"
    vm_elf "$dir/kernel/boot/vmlinuz-$version" "$dir/vmlinux"
    mv "$modules" "$dir/tree/lib/modules"
    find "$dir/tree" -name '*.ko.xz' -print0 | xargs -0 -r -n 64 -P "$(nproc)" xz -d
    cp "$dir/busybox/bin/busybox" "$dir/busybox-static" 2>/dev/null ||
        cp "$dir/busybox/usr/bin/busybox" "$dir/busybox-static"
    "$dir/busybox-static" depmod -b "$dir/tree" "$version"
    mkdir -p "$dir"/base/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,lab/work,lab/bin}
    cp "$dir/busybox-static" "$dir/base/bin/busybox"
    for applet in $("$dir/busybox-static" --list-full); do
        if [ "$applet" != bin/busybox ]; then
            mkdir -p "$dir/base/$(dirname "$applet")"
            ln -sf /bin/busybox "$dir/base/$applet"
        fi
    done
    vm_copy_modules "$dir" "$dir/base" "${vm_modules_first[@]}" "${vm_modules_scsi[@]}" \
        "${vm_modules_nvme[@]}" "${vm_modules_more[@]}"
    vm_cpio "$dir/base" >"$dir/base.cpio"
    rm -rf "$dir/kernel" "$dir/busybox" "$dir/base"
}

# vm_cpio DIR: its content as an initramfs of root's files.
vm_cpio() {
    (cd "$1" && find . -mindepth 1 -print0 | cpio -o -0 -H newc -R 0:0 --quiet)
}

# vm_copy_modules GUEST ROOT MODULE...: the modules and what they depend on, into an initramfs.
# The kernel's list of dependencies goes along whole; fails for a module that it does not have.
vm_copy_modules() {
    local guest=$1 root=$2 version module files file
    shift 2
    version=$(cat "$guest/version")
    local from=$guest/tree/lib/modules/$version into=$root/lib/modules/$version
    mkdir -p "$into"
    cp "$from/modules.dep" "$from"/modules.builtin* "$into/"
    for module in "$@"; do
        files=$(vm_module_files "$from" "$module") ||
            fail "the guest's kernel $version has no module $module"
        for file in $files; do
            mkdir -p "$into/$(dirname "$file")"
            cp "$from/$file" "$into/$file"
        done
    done
}

# vm_module_files MODULES NAME: its file and those of its dependencies; none where it is built in.
vm_module_files() {
    awk -v name="${2//-/_}" -v builtin="$1/modules.builtin" '
        function plain(path) { sub(".*/", "", path); sub("[.]ko.*", "", path); gsub("-", "_", path)
            return path }
        { file = $1; sub(":$", "", file) }
        plain(file) == name { found = 1; $1 = file; print }
        END { while (!found && (getline line < builtin) > 0) if (plain(line) == name) found = 1
            exit !found }' "$1/modules.dep"
}

# vm_guest CACHE: where a guest of these facts lies or would lie.
vm_guest() {
    local key
    key=$(cat "$root/scripts/lib/vm/facts.sh" "$root/scripts/lib/vm/prepare.sh" | sha256sum)
    printf '%s/guest-%s\n' "$1" "${key:0:12}"
}

# vm_prepare: prints the directory of a guest that is ready, after making it where it is not there.
# Several may ask at once: one makes it.
vm_prepare() {
    local cache guest lock
    cache=$(vm_cache)
    mkdir -p "$cache" || fail "no cache directory can be made at $cache (IODYNO_VM_CACHE names another)"
    cache=$(cd "$cache" && pwd)
    guest=$(vm_guest "$cache")
    if [ ! -e "$guest/base.cpio" ]; then
        exec {lock}>"$cache/lock"
        flock "$lock"
        if [ ! -e "$guest/base.cpio" ]; then
            vm_make "$cache" "$guest"
        fi
        exec {lock}>&-
    fi
    touch "$guest"
    printf '%s\n' "$guest"
}

# vm_make CACHE GUEST: with the lock held. Packages that were fetched stay.
vm_make() {
    local cache=$1 guest=$2 debs=$1/packages
    if ! compgen -G "$debs/linux-image-*.deb" >/dev/null; then
        rm -rf "$debs" "$debs.new"
        vm_fetch "$cache" "$debs.new"
        mv "$debs.new" "$debs"
    fi
    echo "preparing the guest in $guest" >&2
    # What nobody has started for a month; others may be of another checkout, and running.
    find "$cache" -mindepth 1 -maxdepth 1 -name 'guest-*' -mtime +30 -exec rm -rf {} +
    rm -rf "$guest.new"
    vm_unpack "$debs" "$guest.new"
    mv "$guest.new" "$guest"
}
