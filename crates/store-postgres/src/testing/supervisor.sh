# Runs a PostgreSQL server for as long as somebody holds this script's standard input open, and leaves nothing.
# Reads `start` and `stop`, one to a line, and answers each with a line.
# Arguments: the folder of PostgreSQL's programs, a folder for everything, a port on the loopback address.

set -u
bin=$1 folder=$2 port=$3

# Whoever interrupts the tests closes the standard input as well: that is the sign to clean up.
trap '' INT TERM HUP

as=
if [ "$(id -u)" = 0 ]; then
    # PostgreSQL refuses to run as root.
    as='setpriv --reuid=postgres --regid=postgres --clear-groups'
    chown postgres "$folder"
fi

start() {
    if [ ! -d "$folder/data" ]; then
        $as "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C -N >"$folder/log" 2>&1 || return 1
    fi
    # Nobody needs these rows after a crash of the machine.
    $as "$bin/postgres" -D "$folder/data" -p "$port" -k "$folder" -h 127.0.0.1 -F \
        -c max_connections=200 -c full_page_writes=off >>"$folder/log" 2>&1 &
    server=$!
    tries=0
    until "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do
        tries=$((tries + 1))
        if [ "$tries" -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then
            return 1
        fi
        sleep 0.05
    done
}

stop() {
    if [ -n "$server" ]; then
        kill -QUIT "$server"
        wait "$server"
        server=
    fi
}

server=
cd "$folder"
while read -r command; do
    case $command in
        start) if start; then echo started; else echo failed; cat "$folder/log" >&2; fi ;;
        stop) stop; echo stopped ;;
    esac
done
stop 2>/dev/null
cd /
rm -rf "$folder"
