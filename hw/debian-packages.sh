#!/bin/sh
# What a fresh Debian machine may lack and pip cannot bring: Python's venv and headers, the mosquitto broker, a
# D-Bus daemon, on which the tests of Bluetooth run, and PostgreSQL, on which those of a shared journal do.
# Installs them when it may (root and apt-get), otherwise says what follows; it stops only where there is no Python.
set -u
python=${1:-python3}

command -v "$python" >/dev/null || {
    echo "There is no $python; install Python 3.11 to 3.13, or name it: make PYTHON=python3.12 ..."
    exit 1
}
missing=""
"$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
"$python" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
    || missing="$missing python3-dev"
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
command -v dbus-daemon >/dev/null || missing="$missing dbus-daemon"
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$missing postgresql"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian packages:$missing"
    # RUNLEVEL=1 keeps the packages from starting servers of their own: demo and tests start theirs.
    if apt-get update -qq && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends $missing >/dev/null; then
        exit 0
    fi
fi
case "$missing" in
    *dbus-daemon*) echo "dbus-daemon is not installed: the tests of Bluetooth are skipped." ;;
esac
case "$missing" in
    *mosquitto*) echo "mosquitto is not installed: the embedded broker (amqtt) takes its place." ;;
esac
case "$missing" in
    *postgresql*) echo "PostgreSQL is not installed: the tests of a journal on it are skipped." ;;
esac
rest=$(echo "$missing" | sed 's/ mosquitto//; s/ dbus-daemon//; s/ postgresql//')
[ -z "$rest" ] || echo "If the set-up fails, install these packages first:$rest"
exit 0
