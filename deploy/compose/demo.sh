#!/bin/sh
# Backs up a tree, restores it, and compares the two. Ends with 0 only if
# they are the same.
set -eu

group="${CAIRN_DEMO_GROUP:-host/demo}"
source="${CAIRN_DEMO_SOURCE:-/usr/share}"

cairn backup "$group" "tree.tar:$source" --notes demo \
  --state-file /tmp/backup.state
rm -rf /tmp/restored
cairn restore "$group/latest" tree.tar /tmp/restored
diff -r --no-dereference "$source" /tmp/restored
find "$source" -type f | wc -l | sed 's/$/ files restored, all the same/'
cairn snapshot list "$group"
