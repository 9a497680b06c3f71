#!/bin/sh
# Install cog: one file, checked against its checksum, put where you say.
#
#   sh install.sh                                     from the folder that this script is in
#   sh install.sh ./dist/cog.pyz                      from a file
#   sh install.sh https://example.com/releases/1.2.3  from a release address
#
# INSTALL_DIR    where to (default: ~/.local/bin; root: /usr/local/bin)
# COG_DOWNLOAD_URL  the release address, instead of an argument
#
# It never calls sudo and changes no profile of a shell.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "error: $1"
    [ $# -lt 2 ] || say "  fix: $2"
    exit 1
}

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "$0"
}

fetch() { # URL FILE
    if command -v curl >/dev/null 2>&1; then
        curl --fail --silent --show-error --location --retry 2 --output "$2" "$1"
    elif command -v wget >/dev/null 2>&1; then
        wget -q -O "$2" "$1"
    else
        fail "neither curl nor wget is here" "install one of them, or download cog.pyz and cog.pyz.sha256 and name the file"
    fi
}

sum() { # FILE
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d ' ' -f 1
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 "$1" | cut -d ' ' -f 1
    elif command -v openssl >/dev/null 2>&1; then
        openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
    else
        fail "nothing here computes SHA-256" "install sha256sum, shasum or openssl"
    fi
}

case ${1:-} in
    -h | --help)
        usage
        exit 0
        ;;
    -*) fail "unknown option $1" "sh install.sh --help" ;;
esac
[ $# -le 1 ] || fail "one source at a time" "sh install.sh --help"

source=${1:-${COG_DOWNLOAD_URL:-}}
if [ -z "$source" ]; then
    source=$(dirname "$0")/cog.pyz
    [ -f "$source" ] || source=$(dirname "$0")/dist/cog.pyz
    [ -f "$source" ] || fail "there is no cog.pyz beside this script" "name a file or a release address; build one with: python3 build_zipapp.py"
fi

if [ -z "${INSTALL_DIR:-}" ]; then
    if [ "$(id -u)" = 0 ]; then
        INSTALL_DIR=/usr/local/bin
    else
        [ -n "${HOME:-}" ] || fail "HOME is not set" "set INSTALL_DIR"
        INSTALL_DIR=$HOME/.local/bin
    fi
fi

work=$(mktemp -d)
new=
trap 'rm -rf "$work"; [ -z "$new" ] || rm -f "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

case $source in
    http://* | https://* | file://*)
        case $source in
            *.pyz) address=$source ;;
            *) address=${source%/}/cog.pyz ;;
        esac
        say "Downloading $address"
        fetch "$address" "$work/cog.pyz" || fail "$address could not be downloaded" "check the address and the network"
        fetch "$address.sha256" "$work/cog.pyz.sha256" || fail "$address.sha256 could not be downloaded" "nothing is installed without its checksum"
        ;;
    *)
        [ -f "$source" ] || fail "there is no file $source" "name cog.pyz, or the address of a release"
        [ -f "$source.sha256" ] || fail "there is no file $source.sha256" "nothing is installed without its checksum"
        cp "$source" "$work/cog.pyz"
        cp "$source.sha256" "$work/cog.pyz.sha256"
        ;;
esac

expected=$(cut -d ' ' -f 1 "$work/cog.pyz.sha256" | head -n 1)
found=$(sum "$work/cog.pyz")
if [ "$expected" != "$found" ]; then
    fail "the checksum of cog.pyz is wrong: $found instead of $expected" "download it again; if that does not help, do not use it"
fi

mkdir -p "$INSTALL_DIR" 2>/dev/null || fail "$INSTALL_DIR cannot be made" "set INSTALL_DIR to a folder of yours, or run this as root"
new=$INSTALL_DIR/.cog.$$
cp "$work/cog.pyz" "$new" 2>/dev/null || fail "$INSTALL_DIR cannot be written" "set INSTALL_DIR to a folder of yours, or run this as root"
chmod 755 "$new"
mv -f "$new" "$INSTALL_DIR/cog"
new=

say "Installed $INSTALL_DIR/cog"
if ! command -v python3 >/dev/null 2>&1; then
    say "warning: there is no python3 on the PATH; cog needs Python 3.9 or newer"
elif ! "$INSTALL_DIR/cog" --version >&2; then
    say "warning: it does not start; see above"
fi
case :${PATH:-}: in
    *:"$INSTALL_DIR":*) ;;
    *) say "Add it to the PATH:  export PATH=\"$INSTALL_DIR:\$PATH\"" ;;
esac
