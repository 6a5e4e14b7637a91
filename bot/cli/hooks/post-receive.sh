#!/bin/sh
# Lockstep's post-receive hook: tells the bot who pushed what, signed.
#
# It needs git, awk, od, one of sha256sum, shasum and openssl, one of base64 and openssl, and
# one of curl and python3. Whatever goes wrong, the push has been taken, and stays so.

# Where the bot's receiver is, what this repository is called there, and the file with the
# secret that both share.
url=''
repository=''
secret_file=''
# Who has pushed: `http` is REMOTE_USER as the web server sets it, `account` the system's
# account that this runs as, and anything else a variable that the server sets.
pusher_from='http'
# The bot's own name here: what it pushes to its own branches it knows.
bot=''
# How long to wait for the receiver, in seconds.
seconds=10

most_updates=500
most_said=8192
most_again=10

set -u
export LC_ALL=C
umask 077

say() {
    printf 'lockstep: %s\n' "$1" >&2
}

who() {
    case $pusher_from in
        http) printf '%s' "${REMOTE_USER-}" ;;
        account) id -un ;;
        *) awk -v name="$pusher_from" 'BEGIN { printf "%s", ENVIRON[name] }' ;;
    esac | tr -d '\000-\037\177' | cut -c1-200
}

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256
    else
        openssl dgst -sha256 -r
    fi | cut -c1-64
}

in_base64() {
    if command -v base64 >/dev/null 2>&1; then
        base64 | tr -d '\n'
    else
        openssl base64 -A
    fi
}

# Print the bytes that the hexadecimal digits $1 stand for, as numbers.
numbers_of() {
    digits=$1
    while [ -n "$digits" ]; do
        rest=${digits#??}
        printf '%d ' "0x${digits%"$rest"}"
        digits=$rest
    done
}

# Print the bytes of the secret as numbers, without white space around it. The secret itself
# never stands in a command line, where `ps` would show it.
secret_numbers() {
    od -An -v -tu1 "$secret_file" | awk '
        { for (i = 1; i <= NF; i++) byte[++count] = $i }
        function blank(b) { return b == 32 || (b >= 9 && b <= 13) }
        END {
            first = 1
            while (first <= count && blank(byte[first])) first++
            while (count >= first && blank(byte[count])) count--
            for (i = first; i <= count; i++) printf "%d ", byte[i]
        }'
}

# Print bytes, given as numbers, that are each changed by $1, filled up to 64.
padded() {
    change=$1
    shift
    text=''
    count=0
    for byte in "$@"; do
        byte=$((byte ^ change))
        text="$text\\0$((byte / 64))$((byte / 8 % 8))$((byte % 8))"
        count=$((count + 1))
    done
    while [ "$count" -lt 64 ]; do
        text="$text\\0$((change / 64))$((change / 8 % 8))$((change % 8))"
        count=$((count + 1))
    done
    printf '%b' "$text"
}

# Print the HMAC-SHA256 of the file $1, in hexadecimal digits.
hmac() {
    key=$(secret_numbers)
    [ -n "$key" ] || return 1
    # Numbers, to be split.
    # shellcheck disable=SC2086
    set -- "$1" $key
    body=$1
    shift
    if [ "$#" -gt 64 ]; then
        hashed=$(for byte in "$@"; do
            printf '%b' "\\0$((byte / 64))$((byte / 8 % 8))$((byte % 8))"
        done | sha256)
        # shellcheck disable=SC2046
        set -- $(numbers_of "$hashed")
    fi
    inner=$({ padded 54 "$@"; cat "$body"; } | sha256)
    {
        padded 92 "$@"
        for byte in $(numbers_of "$inner"); do
            printf '%b' "\\0$((byte / 64))$((byte / 8 % 8))$((byte % 8))"
        done
    } | sha256
}

# Print what the receiver answers to the document $1 with the signature $2: a status, or 000.
post() {
    if command -v curl >/dev/null 2>&1; then
        curl -q --silent --output /dev/null --write-out '%{http_code}' \
            --max-time "$seconds" --proto '=http,https' \
            --header 'Content-Type: application/json' --header 'Expect:' \
            --header "X-Hub-Signature-256: $2" --data-binary "@$1" --url "$url"
        return 0
    fi
    python3 -I - "$url" "$1" "$2" "$seconds" <<'PYTHON'
import sys
import urllib.error
import urllib.request

url, path, signature, seconds = sys.argv[1:]
headers = {"Content-Type": "application/json", "X-Hub-Signature-256": signature}
with open(path, "rb") as file:
    request = urllib.request.Request(url, file.read(), headers)
try:
    with urllib.request.urlopen(request, timeout=float(seconds)) as answer:
        print(answer.status, end="")
except urllib.error.HTTPError as error:
    print(error.code, end="")
except (OSError, ValueError):
    print("000", end="")
PYTHON
}

# Print the lines `old new ref` of what matters, and `more` where there is too much of it.
wanted() {
    awk -v most="$most_updates" -v by_bot="$1" '
        $3 == "refs/heads/lockstep/requests" { next }
        by_bot && $3 ~ /^refs\/heads\/lockstep\// { next }
        $3 ~ /^refs\/heads\// || $3 ~ /^refs\/lockstep\/said\// {
            if (++count <= most) print
        }
        END { if (count > most) print "more" }'
}

quoted() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# Print the JSON of the lines on standard input.
updates() {
    separator=''
    while read -r old new ref; do
        [ "$old" = more ] && continue
        printf '%s{"old":"%s","new":"%s","ref":%s' "$separator" "$old" "$new" "$(quoted "$ref")"
        case $ref in
            refs/lockstep/said/*)
                if [ "$(git cat-file -t "$new" 2>/dev/null)" = blob ] &&
                    [ "$(git cat-file -s "$new")" -le "$most_said" ]; then
                    printf ',"said":"%s"' "$(git cat-file blob "$new" | in_base64)"
                fi
                ;;
        esac
        printf '}'
        separator=','
    done
}

# Print the time. Where the system tells whole seconds only, two words of one second may be
# taken in the wrong order.
nanoseconds() {
    exact=$(date +%s%N)
    case $exact in
        *[!0-9]* | ??????????) printf '%s000000000' "$(date +%s)" ;;
        *) printf '%s' "$exact" ;;
    esac
}

document() {
    more=false
    grep -q '^more' "$1" && more=true
    head=$(git symbolic-ref --quiet --short HEAD)
    printf '{"version":1,"delivery":"%s","repository":%s,"pusher":%s,"nanoseconds":%s,"head":%s,"more":%s' \
        "$2" "$(quoted "$repository")" "$(quoted "$3")" "$now" "$(quoted "$head")" "$more"
    printf ',"updates":['
    updates <"$1"
    printf ']}\n'
}

is_private() {
    case $(ls -ldL "$secret_file" 2>/dev/null) in
        -???------*) return 0 ;;
        -?????----*) [ "$pusher_from" = account ] ;;
        *) return 1 ;;
    esac
}

# Move what was heard to where the bot reads it once and takes it away.
heard() {
    git update-ref "refs/lockstep/heard/$1" "$2" && git update-ref -d "refs/lockstep/unheard/$1"
}

again() {
    git for-each-ref --count="$most_again" --sort=refname \
        --format='%(objectname) %(refname:lstrip=3)' refs/lockstep/unheard |
        while read -r tree id; do
            git cat-file blob "$tree:delivery.json" >"$work/again" || continue
            signature=$(git cat-file blob "$tree:signature") || continue
            case $(post "$work/again" "$signature") in
                202) heard "$id" "$tree" ;;
                # What is refused will always be: it is not told a third time.
                400 | 401 | 413) git update-ref -d "refs/lockstep/unheard/$id" ;;
                *) break ;;
            esac
        done
}

tell() {
    work=$1
    pusher=$(who)
    by_bot=''
    [ -n "$bot" ] && [ "$pusher" = "$bot" ] && by_bot=1
    wanted "$by_bot" >"$work/updates"
    [ -s "$work/updates" ] || return 0
    if [ -z "$pusher" ]; then
        say "this server does not say who has pushed, so nothing can be taken as anybody's word"
    fi
    if ! is_private; then
        say "$secret_file cannot be read, or others may read it: set its mode to 600"
        return 1
    fi
    # By their names they are in order.
    now=$(nanoseconds)
    id=$now-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
    document "$work/updates" "$id" "$pusher" >"$work/delivery.json"
    signature="sha256=$(hmac "$work/delivery.json")" || return 1
    printf '%s\n' "$signature" >"$work/signature"
    tree=$(printf '100644 blob %s\tdelivery.json\n100644 blob %s\tsignature\n' \
        "$(git hash-object -w --no-filters "$work/delivery.json")" \
        "$(git hash-object -w --no-filters "$work/signature")" | git mktree) || return 1
    git update-ref "refs/lockstep/unheard/$id" "$tree" || return 1
    # It is kept in the document now.
    while read -r _ new ref; do
        case $ref in
            refs/lockstep/said/*) git update-ref -d "$ref" "$new" ;;
        esac
    done <"$work/updates"
    status=$(post "$work/delivery.json" "$signature")
    case $status in
        202)
            heard "$id" "$tree"
            again
            ;;
        401) say "the bot does not take this server's signature: both need the same secret" ;;
        000) say "the bot cannot be reached; it hears of this with the next push that reaches it" ;;
        *) say "the bot answers $status; it hears of this with the next push that reaches it" ;;
    esac
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/lockstep.XXXXXX") || {
    say 'no room for a temporary directory: the bot is not told of this push'
    exit 0
}
trap 'rm -rf "$scratch"' EXIT
trap 'exit 0' HUP INT TERM
tell "$scratch" 2>"$scratch/errors" || printf 'lockstep: the bot is not told of this push\n' >>"$scratch/errors"
# Of git's and curl's own complaints the last lines are enough for whoever has pushed.
tail -n 5 "$scratch/errors" >&2
exit 0
