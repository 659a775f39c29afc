#!/bin/sh
# Makes .venv with everything that the demo and the tests need; run by the Makefile when something has changed.
set -eu
python=$1
log=.venv/set-up.log
screen=""
[ ! -t 1 ] || screen=yes

sh hw/debian-packages.sh "$python"
echo "Setting up .venv (once; a minute or two) ..."
[ -x .venv/bin/python ] || "$python" -m venv .venv

# pip says nothing for a while and then too much: count the packages for the person, keep its words in a log.
install() {
    { .venv/bin/pip install --disable-pip-version-check "$@" 2>&1 || touch .venv/failed; } \
        | tee -a "$log" \
        | awk -v screen="$screen" 'screen && /^ *Collecting/ { printf "\r  %d packages ...", ++n; fflush() }
                                   END { if (screen) printf "\r                      \r" }'
    [ ! -e .venv/failed ] || {
        rm .venv/failed
        tail -n 20 "$log"
        echo "The set-up failed; the lines above are from $log."
        exit 1
    }
}
: > "$log"
install --upgrade pip
install --editable '.[edge,gateway,ble,postgres,hw,dev]'
