#!/bin/bash
# What people know of the official image: options alone are redis-server's, and it runs as redis, who owns the data folder.
set -eu

case $1 in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  chown -R redis:redis .
  exec setpriv --reuid=redis --regid=redis --clear-groups "$0" "$@"
fi
# behind the container's network others than the loopback may come without a password
[ "$1" = redis-server ] && set -- "$@" --protected-mode no
exec "$@"
