#!/bin/sh
# Sets the jobs that maintenance runs by itself, each by a calendar. A second
# call with the same settings changes nothing. compose.yaml runs it at `up`.
set -eu

seconds=0
until cairn status >/dev/null 2>/tmp/why; do
  seconds=$((seconds + 1))
  if [ "$seconds" -gt 300 ]; then
    echo "setup: the services are not ready after 300 s: $(cat /tmp/why)" >&2
    exit 1
  fi
  sleep 1
done

# set_job NAME SCHEDULE KIND OPTION...: with the schedule `none` it runs when
# somebody asks for it, and not by itself.
set_job() {
  name="$1"
  schedule="$2"
  shift 2
  [ "$schedule" = none ] || set -- "$@" --schedule="$schedule"
  cairn job set "$name" "$@" --timezone="$CAIRN_JOB_TIMEZONE"
}

# The keep rules are several words.
# shellcheck disable=SC2086
set_job nightly-prune "$CAIRN_PRUNE_SCHEDULE" prune --recursive \
  $CAIRN_PRUNE_KEEP
set_job nightly-gc "$CAIRN_GC_SCHEDULE" gc
# Some each day, the oldest proofs first: everything is proved in a month.
set_job daily-verify "$CAIRN_VERIFY_SCHEDULE" verify --max-share=3.4
cairn job list
