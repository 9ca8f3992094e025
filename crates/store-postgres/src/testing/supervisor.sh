# Runs a PostgreSQL server for as long as somebody holds this script's standard input open, and leaves nothing.
# Reads `start` and `stop SIGNAL`, one to a line, and answers each with a line.
# Arguments: the folder of PostgreSQL's programs, a folder for everything, a port on the loopback address, and for a
# standby the port of the server that it follows.

set -u
bin=$1 folder=$2 port=$3 primary=${4-}

# Whoever interrupts the tests closes the standard input as well: that is the sign to clean up.
trap '' INT TERM HUP

as=
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    as='setpriv --reuid=postgres --regid=postgres --clear-groups'
    chown postgres "$folder"
fi

create() {
    if [ -n "$primary" ]; then
        $as "$bin/pg_basebackup" -D "$folder/data" -h 127.0.0.1 -p "$primary" -U postgres -R -X stream -c fast -N
    else
        $as "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C -N
    fi
}

launch() {
    # Nobody needs these rows after a crash of the machine.
    $as "$bin/postgres" -D "$folder/data" -p "$port" -k "$folder" -h 127.0.0.1 -F \
        -c max_connections=500 -c full_page_writes=off >>"$folder/log" 2>&1 &
    server=$!
}

start() {
    if [ ! -d "$folder/data" ]; then
        create >"$folder/log" 2>&1 || return 1
    fi
    launch
    tries=0
    until "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ]; then
            return 1
        fi
        sleep 0.05
        # After SIGKILL, what is left of the server before keeps its memory for a moment.
        kill -0 "$server" 2>/dev/null || launch
    done
}

stop() {
    if [ -n "$server" ]; then
        kill -"$1" "$server"
        wait "$server" 2>/dev/null
        server=
    fi
}

server=
cd "$folder"
while read -r command signal; do
    case $command in
        start) if start; then echo started; else echo failed; cat "$folder/log" >&2; fi ;;
        stop) stop "$signal"; echo stopped ;;
    esac
done
stop QUIT 2>/dev/null
cd /
rm -rf "$folder"
