#!/usr/bin/env bash
#
# Makes the programs (bin) and the OCI image layout in this folder anew:
# assembles and links one tiny program per platform, runs each of them, and packs
# them as images.
#
# The result is the same, byte for byte, whenever and wherever it is made with
# the same versions of the tools (the committed one: Debian 12).

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# Platform, prefix of its binutils, Debian package of its binutils, emulator.
# The images stand in the index in this order.
platforms=(
    "linux/amd64    x86_64-linux-gnu       binutils-x86-64-linux-gnu       qemu-x86_64-static"
    "linux/arm64    aarch64-linux-gnu      binutils-aarch64-linux-gnu      qemu-aarch64-static"
    "linux/arm/v7   arm-linux-gnueabihf    binutils-arm-linux-gnueabihf    qemu-arm-static"
    "linux/riscv64  riscv64-linux-gnu      binutils-riscv64-linux-gnu      qemu-riscv64-static"
    "linux/s390x    s390x-linux-gnu        binutils-s390x-linux-gnu        qemu-s390x-static"
    "linux/ppc64le  powerpc64le-linux-gnu  binutils-powerpc64le-linux-gnu  qemu-ppc64le-static"
)

# Says which Debian packages are missing, all of them at once, and stops.
require_tools() {
    local -A missing=()
    local row prefix package emulator tool

    for row in "${platforms[@]}"; do
        read -r _ prefix package emulator <<<"$row"
        for tool in "$prefix-as" "$prefix-ld"; do
            command -v "$tool" >/dev/null || missing[$package]=1
        done
        command -v "$emulator" >/dev/null || missing[qemu-user-static]=1
    done
    command -v python3 >/dev/null || missing[python3]=1

    if ((${#missing[@]})); then
        echo "make.sh: some tools are missing; on Debian, install them with:" >&2
        echo "    apt-get install $(printf '%s\n' "${!missing[@]}" | sort | paste -sd ' ')" >&2
        exit 1
    fi
}

# build SOURCE PREFIX PROGRAM
build() {
    local source=$1 prefix=$2 program=$3

    "$prefix-as" --fatal-warnings --noexecstack -o "$program.o" "$source"

    # The page size is the largest one among the architectures' kernels: an
    # alignment of 4 KiB would not load where pages have 64.
    "$prefix-ld" --fatal-warnings -static --strip-all --build-id=none \
        -z max-page-size=0x10000 -T source/hello.ld -o "$program" "$program.o"
}

# check PROGRAM EMULATOR PLATFORM: the program prints its line and succeeds.
check() {
    local program=$1 emulator=$2 platform=$3

    if ! "$emulator" "$program" >"$program.out" ||
        ! cmp "$program.out" <(echo "Hello from $platform"); then
        echo "make.sh: the program for $platform does not do what it should" >&2
        exit 1
    fi
}

require_tools

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

images=()
for row in "${platforms[@]}"; do
    read -r platform prefix _ emulator <<<"$row"
    name=${platform#linux/} # arm/v7
    name=${name//\//-}      # arm-v7
    build "source/hello.$name.S" "$prefix" "$work/$name"
    check "$work/$name" "$emulator" "$platform"
    images+=("$platform=$work/$name")
done

# What is old goes only now that every program is known to work.
rm -rf bin blobs index.json oci-layout
for image in "${images[@]}"; do
    program=${image#*=}
    install -D -m 755 "$program" "bin/${program##*/}/hello"
done
python3 layout.py "${images[@]}"
