# Starts a packed guest under QEMU, passes on what its command says, and finds out how it ended.
# Sourced by scripts/vm. A guest that dies before its command began is started again, one whose
# command had begun never is: what it did to its devices cannot be undone by forgetting it.

# Prints whether this machine's /dev/kvm serves. One that is emulated itself can be there and hang.
vm_accelerator() {
    case ${IODYNO_VM_ACCEL:-} in
    kvm | tcg) printf '%s\n' "$IODYNO_VM_ACCEL" ;;
    '')
        if [ -r /dev/kvm ] && [ -w /dev/kvm ] && [ ! -e /sys/module/kvm_pvm ] &&
            grep -qwE 'vmx|svm' /proc/cpuinfo; then
            echo kvm
        else
            echo tcg
        fi
        ;;
    *) fail "IODYNO_VM_ACCEL is kvm or tcg, not '$IODYNO_VM_ACCEL'" ;;
    esac
}

# vm_devices DIR: QEMU's words for disks, into the array vm_device_words; makes their images, once.
vm_devices() {
    local dir=$1 kind number=0 properties
    vm_device_words=()
    if [ ${#vm_bring[@]} -gt 0 ]; then
        truncate -s "$vm_bring_size" "$dir/bring"
        vm_device_words+=(-drive "file=$dir/bring,if=none,format=raw,id=bring,cache=unsafe"
            -device "virtio-blk-pci,drive=bring")
    fi
    for kind in "${vm_nvme[@]}"; do
        properties=
        case $kind in
        plain) ;;
        zns) properties=,$vm_nvme_zns ;;
        metadata) properties=,$vm_nvme_metadata ;;
        pi) properties=,$vm_nvme_pi ;;
        pi64) properties=,$vm_nvme_pi64 ;;
        *) fail "--nvme is plain, zns, metadata, pi or pi64, not '$kind'" ;;
        esac
        truncate -s "${vm_nvme_mb}M" "$dir/nvme$number"
        case $kind in
        # A block with data and, since that comes from nowhere, no guard that fits it.
        pi*) printf x | dd of="$dir/nvme$number" bs=512 seek="$vm_nvme_bad_block" conv=notrunc \
            2>/dev/null ;;
        esac
        vm_device_words+=(
            -drive "file=$dir/nvme$number,if=none,format=raw,id=d$number,cache=unsafe,discard=unmap"
            -device "nvme,id=nvme$number,serial=lab$number"
            -device "nvme-ns,bus=nvme$number,drive=d$number$properties")
        number=$((number + 1))
    done
}

# vm_start GUEST DIR: starts QEMU; sets vm_qemu, vm_readers, vm_ctl, vm_hold_out, vm_hold_err.
vm_start() {
    local guest=$1 dir=$2 name accelerator words=()
    accelerator=$(vm_accelerator)
    case $accelerator in
    kvm) words=("${vm_accel_kvm[@]}") ;;
    tcg) words=("${vm_accel_tcg[@]}") ;;
    esac
    for name in ctl out err; do
        rm -f "$dir/$name"
        mkfifo "$dir/$name"
        words+=(-chardev "file,id=$name,path=$dir/$name"
            -device "virtserialport,chardev=$name,name=$name")
    done
    : >"$dir/console"
    cat "$dir/out" &
    vm_readers=($!)
    cat "$dir/err" >&2 &
    vm_readers+=($!)
    # Held open here, so that the readers end when, and only when, QEMU is gone and this is closed.
    exec {vm_hold_out}>"$dir/out" {vm_hold_err}>"$dir/err" {vm_ctl}<>"$dir/ctl"
    # The guest dies with the script, however that ends.
    setpriv --pdeathsig KILL -- qemu-system-x86_64 "${vm_machine[@]}" -smp "$vm_processors" \
        -m "$vm_memory" -kernel "$guest/vmlinux" -initrd "$dir/initrd" \
        -append "${vm_kernel_line//$'\n'/ }" -serial "file:$dir/console" \
        -device virtio-serial-pci "${words[@]}" "${vm_device_words[@]}" \
        </dev/null >"$dir/qemu" 2>&1 &
    vm_qemu=$!
}

# Ends the guest, waits until all that it said is passed on. What it wrote to its disks is in their
# files by now, so nothing is lost by not asking.
vm_stop() {
    if [ -n "${vm_qemu:-}" ]; then
        kill -KILL "$vm_qemu" 2>/dev/null || true
        wait "$vm_qemu" 2>/dev/null || true
        vm_qemu=
        exec {vm_hold_out}>&- {vm_hold_err}>&- {vm_ctl}>&-
        wait "${vm_readers[@]}" 2>/dev/null || true
        vm_readers=()
    fi
}

# Sets vm_word to the guest's next word, at most a second later; fails where there is none.
vm_listen() {
    local part status=0
    IFS= read -r -t 1 -u "$vm_ctl" part || status=$?
    vm_partial+=$part
    if [ $status != 0 ]; then
        return 1
    fi
    vm_word=$vm_partial
    vm_partial=
}

# Acts on a word of the guest's.
vm_hear() {
    vm_heard=$SECONDS
    case $vm_word in
    alive) ;;
    start)
        vm_begun=1
        vm_seconds=$vm_timeout
        vm_end=$((SECONDS + vm_seconds))
        ;;
    rc\ *) vm_status=${vm_word#rc } ;;
    setup\ *) vm_setup_status=${vm_word#setup } ;;
    bring) vm_incomplete=1 ;;
    problem\ *)
        vm_problem=1
        vm_why="the guest lacks what was asked for: ${vm_word#problem }"
        ;;
    *) vm_why="the guest says '$vm_word', which nobody understands" ;;
    esac
}

# vm_is_dead CONSOLE: QEMU ended, or the guest is about to start anew, which may take it long.
vm_is_dead() {
    ! kill -0 "$vm_qemu" 2>/dev/null || grep -q 'Kernel panic - not syncing' "$1"
}

# vm_boot GUEST DIR: one boot, to its end. Sets vm_begun (0, 1), vm_status (the command's status,
# or empty: none came), vm_why (the reason in words for no status) and vm_problem (1: another boot
# would end the same).
vm_boot() {
    local dead=0
    vm_begun=0 vm_status='' vm_why='' vm_word='' vm_partial='' vm_incomplete=0 vm_problem=''
    vm_seconds=$vm_boot_seconds vm_heard=$SECONDS
    vm_end=$((SECONDS + vm_seconds))
    vm_start "$@"
    while [ -z "$vm_status$vm_why" ]; do
        if vm_listen; then
            vm_hear
        elif [ $dead = 1 ]; then
            vm_why="the guest died"
        elif vm_is_dead "$2/console"; then
            # All that it said before is to be heard first, above all that the command began.
            dead=1
        elif [ "$vm_begun" = 1 ] && [ $((SECONDS - vm_heard)) -ge "$vm_silence_seconds" ]; then
            vm_why="the guest hangs: no sign of life for $vm_silence_seconds s"
        elif [ "$SECONDS" -ge "$vm_end" ]; then
            vm_why="nothing more came from the guest in $vm_seconds s"
            if [ "$vm_begun" = 1 ]; then
                vm_status=124
            fi
        fi
    done
    vm_stop
}

# vm_last_words DIR: the end of the console and of what QEMU said, on standard error.
vm_last_words() {
    local file words
    for file in qemu console; do
        words=$(tr -d '\r' <"$1/$file" | tail -n 50)
        if [ -n "$words" ]; then
            printf -- "--- the end of the guest's %s\n%s\n" "$file" "$words" >&2
        fi
    done
}

# vm_run GUEST DIR: boots until the command began; answers its status, or 124 or 125.
vm_run() {
    local boot
    for ((boot = 1; boot <= vm_boots; boot++)); do
        vm_boot "$@"
        if [ "$vm_begun$vm_problem" != 0 ] || [ "$boot" = "$vm_boots" ]; then
            break
        fi
        echo "vm: $vm_why before the command began, starting it again" >&2
    done
    if [ "$vm_status" = 124 ] && [ -n "$vm_why" ]; then
        echo "vm: the command was still running after $vm_timeout s (--timeout)" >&2
        vm_last_words "$2"
    elif [ -z "$vm_status" ]; then
        echo "vm: $vm_why" >&2
        vm_last_words "$2"
        vm_status=125
    elif [ -n "${vm_setup_status:-}" ]; then
        echo "vm: --setup ended with status $vm_setup_status, the command was not started" >&2
        vm_status=125
    fi
}

# vm_take DIR: puts what --bring named where it belongs; lacking files spoil a good status.
vm_take() {
    local dir=$1 word place target
    [ ${#vm_bring[@]} -gt 0 ] || return 0
    mkdir -p "$dir/brought"
    tar -xf "$dir/bring" -C "$dir/brought" --no-same-owner 2>"$dir/tar-words" || vm_incomplete=1
    for word in "${vm_bring[@]}"; do
        place=$dir/brought$(vm_guest_place "${word%%:*}")
        target=$(basename "$place")
        case $word in
        *:*) target=${word#*:} ;;
        esac
        if [ -e "$place" ]; then
            mkdir -p "$(dirname "$target")"
            cp -rT "$place" "$target"
        else
            echo "vm: --bring: ${word%%:*} did not come back" >&2
            vm_incomplete=1
        fi
    done
    if [ "$vm_incomplete" = 1 ] && [ "$vm_status" = 0 ]; then
        vm_status=125
    fi
}
