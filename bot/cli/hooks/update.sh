#!/bin/sh
# Lockstep's update hook: what the bot keeps in this repository, nobody else writes.

# Who has pushed, as in the post-receive hook, and the bot's name here.
pusher_from='http'
bot=''

case $pusher_from in
    http) pusher=${REMOTE_USER-} ;;
    account) pusher=$(id -un) ;;
    *) pusher=$(awk -v name="$pusher_from" 'BEGIN { printf "%s", ENVIRON[name] }') ;;
esac

case $1 in
    refs/heads/lockstep/requests | refs/lockstep/heard/* | refs/lockstep/unheard/*)
        if [ "$pusher" != "$bot" ]; then
            printf 'lockstep: %s is written by the bot alone; use lockstep say\n' "$1" >&2
            exit 1
        fi
        ;;
esac
exit 0
