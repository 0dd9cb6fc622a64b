#!/usr/bin/env python3
"""Writes dashboard.json, the Grafana dashboard, to stdout.

    deploy/monitoring/make_dashboard.py > deploy/monitoring/dashboard.json

A panel here is its title, what it shows, its unit and its queries with their
legends; the rest of Grafana's form is the same for all.
"""

import json

COLUMNS = 24  # of Grafana
CHART = {"w": 8, "h": 7}
STAT = {"w": 4, "h": 4}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
FAILED = "Unknown|DeadlineExceeded|Internal|Unavailable|DataLoss"
DAY = 86400


# --- expressions ---


def of(name, labels=""):
    """Of the processes that are chosen at the top."""
    return f'{name}{{job=~"$job"{", " if labels else ""}{labels}}}'


def rate(name, by="", labels=""):
    total = f"rate({of(name, labels)}[$__rate_interval])"
    return f"sum by ({by}) ({total})" if by else f"sum({total})"


def quantile(share, name, by, labels=""):
    return (f"histogram_quantile({share}, "
            f"{rate(name + '_bucket', 'le, ' + by if by else 'le', labels)})")


def age(name):
    """Seconds since it was; nothing for what has never been."""
    return f"time() - (max by (datastore) ({of(name)}) > 0)"


# --- panels ---


def chart(title, description, unit, *queries, stack=False):
    """Lines over time. `queries`: (expression, legend)."""
    custom = {"fillOpacity": 20 if stack else 0, "lineWidth": 1,
              "showPoints": "never",
              "stacking": {"mode": "normal" if stack else "none"}}
    return _panel("timeseries", title, description, queries, CHART, {
        "fieldConfig": {"defaults": {"unit": unit, "min": 0,
                                     "custom": custom}, "overrides": []},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"}}})


def stat(title, description, unit, *queries, warn=None, alarm=None,
         low=False, without="never"):
    """The newest values: yellow from `warn` on, red from `alarm` on.

    `low`: what is small is bad. `without`: shown if there is no value."""
    steps = [("red" if low else "green", None),
             ("yellow", alarm if low else warn),
             ("green" if low else "red", warn if low else alarm)]
    steps = [{"color": color, "value": value} for color, value in steps
             if color == steps[0][0] or value is not None]
    if warn is None and alarm is None:
        steps = [{"color": "blue", "value": None}]
    return _panel("stat", title, description, queries, STAT, {
        "fieldConfig": {"defaults": {
            "unit": unit, "noValue": without,
            "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": []},
        "options": {"colorMode": "value", "graphMode": "none",
                    "reduceOptions": {"calcs": ["lastNotNull"]},
                    "textMode": "auto"}})


def _panel(kind, title, description, queries, size, more):
    return {
        "type": kind, "title": title, "description": description,
        "datasource": DATASOURCE, "gridPos": dict(size),
        "targets": [{"refId": chr(ord("A") + number), "expr": expression,
                     "legendFormat": legend, "datasource": DATASOURCE}
                    for number, (expression, legend) in enumerate(queries)],
    } | more


# --- rows ---


def overview():
    return "Overview", [
        stat("Processes", "That answer Prometheus.", "none",
             (f"sum({of('up')})", "up"),
             (f"count({of('up')}) - sum({of('up')})", "down")),
        stat("Alerts", "Of Cairn, that fire now.", "none",
             ('count(ALERTS{alertname=~"Cairn.*", alertstate="firing"}) '
              "or vector(0)", ""), warn=1, alarm=3),
        stat("Newest backup", "Age of the newest snapshot.", "s",
             (age("cairn_backup_last_success_timestamp_seconds"),
              "{{datastore}}"), warn=DAY, alarm=26 * 3600),
        stat("Group that waits longest",
             "Age of the newest snapshot of the group that has waited "
             "longest.", "s",
             (age("cairn_backup_oldest_success_timestamp_seconds"),
              "{{datastore}}"), warn=26 * 3600, alarm=7 * DAY),
        stat("Last gc", "Since a gc has succeeded.", "s",
             (age("cairn_gc_last_success_timestamp_seconds"),
              "{{datastore}}"), warn=4 * DAY, alarm=8 * DAY),
        stat("Last verify", "Since a verify has succeeded.", "s",
             (age("cairn_verify_last_success_timestamp_seconds"),
              "{{datastore}}"), warn=8 * DAY, alarm=35 * DAY),
        stat("Last prune", "Since a prune has succeeded.", "s",
             (age("cairn_prune_last_success_timestamp_seconds"),
              "{{datastore}}"), warn=2 * DAY, alarm=8 * DAY),
        stat("Late groups", "Groups without a snapshot of the last 26 h.",
             "none",
             (f"sum by (datastore) "
              f"({of('cairn_backup_groups', 'state=' + quote('late'))})",
              "{{datastore}}"), warn=1, alarm=5),
        stat("Damaged records", "Known to the store now.", "none",
             (f"sum({of('cairn_store_records', 'state=' + quote('damaged'))})",
              ""), warn=1, alarm=1),
        stat("Free space", "Of the fullest disk of a store.", "percentunit",
             (f"min({of('cairn_store_free_bytes')} "
              f"/ {of('cairn_store_size_bytes')})", ""),
             warn=0.2, alarm=0.1, low=True),
        stat("Deduplication", "Plain bytes of snapshots for each stored one.",
             "none", ("cairn:dedup_ratio", ""), without="nothing stored"),
        stat("Certificates", "Until the first of them ends.", "s",
             (f"min({of('cairn_cert_expiry_timestamp_seconds')}) - time()",
              ""), warn=30 * DAY, alarm=14 * DAY, low=True,
             without="no TLS"),
    ]


def quote(text):
    return f'"{text}"'


def backups():
    return "Backups", [
        chart("Bytes", "Of write streams: what archives hold, what clients "
              "sent, what was new.", "Bps",
              (rate("cairn_backup_bytes_total", "kind"), "{{kind}}")),
        chart("Plain bytes by outcome", "What became of what was backed up.",
              "Bps",
              (rate("cairn_ingest_plain_bytes_total", "outcome"),
               "{{outcome}}"), stack=True),
        chart("Chunks", "Stored anew, or known already.", "cps",
              (rate("cairn_ingest_chunks_total", "outcome"), "{{outcome}}")),
        chart("Duration of a backup", "From the opening of a session to its "
              "publish.", "s",
              *[(quantile(share, "cairn_backup_duration_seconds", ""),
                 f"p{round(share * 100)}") for share in (0.5, 0.99)]),
        chart("Stages", "Time of one run of each stage, of 99 %.", "s",
              (quantile(0.99, "cairn_ingest_stage_seconds", "stage"),
               "{{stage}}")),
        chart("Work in stages", "Seconds that each stage works in a second.",
              "short",
              (rate("cairn_ingest_stage_seconds_sum", "stage"), "{{stage}}"),
              stack=True),
        chart("Snapshots", "That have a row, by state.", "none",
              (f"sum by (datastore, state) ({of('cairn_snapshots')})",
               "{{datastore}} {{state}}")),
        chart("Groups", "By whether their newest snapshot is late.", "none",
              (f"sum by (datastore, state) ({of('cairn_backup_groups')})",
               "{{datastore}} {{state}}")),
        chart("Throttled", "Seconds in a second that streams waited for their "
              "share of a bandwidth.", "short",
              (rate("cairn_ingest_throttled_seconds_total", "direction"),
               "{{direction}}")),
    ]


def restores():
    return "Restores", [
        chart("Bytes", "Plain bytes that restores gave out.", "Bps",
              (rate("cairn_ingest_read_bytes_total"), "plain"),
              (rate("cairn_chunk_storage_read_bytes_total"),
               "payload of records")),
        chart("Chunks", "That restores decoded and proved.", "cps",
              (rate("cairn_ingest_read_chunks_total"), "chunks")),
        chart("Damage", "Reads that ended by damage, and records that reads "
              "found damaged.", "cps",
              (rate("cairn_ingest_read_damage_total"), "reads"),
              (rate("cairn_chunk_storage_damaged_records_total"),
               "records")),
    ]


def space():
    share = ('state="listed"', 'kind="live"', 'kind="packs"')
    return "Deduplication and space", [
        chart("Ratio", "Plain bytes of listed snapshots for each stored "
              "byte; and of what came in within a day.", "none",
              ("cairn:dedup_ratio", "all"),
              ("cairn:dedup_ratio_in:rate1d", "of a day, {{job}}")),
        chart("Bytes", "What snapshots hold, what is stored of it, and the "
              "files.", "bytes",
              (f"sum({of('cairn_snapshots_logical_bytes', share[0])})",
               "snapshots"),
              (f"sum({of('cairn_store_bytes', share[1])})", "live"),
              (f"sum({of('cairn_store_bytes', share[2])})", "packs")),
        chart("Free space", "Of the disk of each store.", "percentunit",
              (f"min by (job, store) ({of('cairn_store_free_bytes')} "
               f"/ {of('cairn_store_size_bytes')})", "{{job}} {{store}}")),
        chart("Free in 4 days", "If the last day goes on.", "bytes",
              (f"predict_linear({of('cairn_store_free_bytes')}[1d], "
               f"{4 * DAY})", "{{job}} {{store}}")),
        chart("Packs", "Files of records.", "none",
              (f"sum by (state) ({of('cairn_store_packs')})", "{{state}}")),
        chart("Refusing", "1 while new data is refused for want of space.",
              "none",
              (of("cairn_chunk_storage_gate_closed"), "packs"),
              (of("cairn_rocksdb_read_mostly"), "database of {{store}}")),
    ]


def maintenance():
    return "Prune, gc, verify", [
        chart("Tasks that run", "Now, by kind and phase.", "none",
              (f"sum by (kind, phase) ({of('cairn_task_phase')})",
               "{{kind}} {{phase}}"), stack=True),
        chart("Tasks that ended", "In an hour, by kind and result.", "none",
              (f"sum by (kind, result) "
               f"(increase({of('cairn_task_runs_total')}[1h]))",
               "{{kind}} {{result}}")),
        chart("Duration", "From start to end of a task, of 90 %.", "s",
              (quantile(0.9, "cairn_task_duration_seconds", "kind"),
               "{{kind}}")),
        chart("Freed", "Bytes of pack files that gc has freed, and moved.",
              "Bps",
              (rate("cairn_gc_reclaimed_bytes_total"), "freed"),
              (rate("cairn_chunk_storage_compacted_bytes_total"),
               "compacted")),
        chart("Free later", "What the last gc could not free yet, and why.",
              "bytes",
              (f"sum by (reason) ({of('cairn_gc_later_bytes')})",
               "{{reason}}"), stack=True),
        chart("Pruned", "Snapshots put into trash, kept by a guard, failed.",
              "cps",
              (rate("cairn_prune_removed_total"), "removed"),
              (rate("cairn_prune_guard_trips_total"), "kept by a guard"),
              (rate("cairn_prune_failed_total"), "failed")),
        chart("Proved", "Bytes that verifies have read and proved.", "Bps",
              (rate("cairn_verify_checked_bytes_total"), "bytes")),
        chart("Never proved", "Bytes of packs that no verify has read.",
              "bytes",
              (f"max by (datastore) ({of('cairn_verify_never_proved_bytes')})",
               "{{datastore}}")),
        chart("Found", "Damaged snapshots of the last verify, missing records "
              "of the last gc, damaged records now.", "none",
              (f"sum({of('cairn_verify_failed_snapshots')})",
               "damaged snapshots"),
              (f"sum({of('cairn_gc_missing_records')})", "missing records"),
              (f"sum({of('cairn_store_records', 'state=' + quote('damaged'))})",
               "damaged records")),
    ]


def leases():
    return "Sessions and leases", [
        chart("Sessions", "Open, and not fenced.", "none",
              (f"sum({of('cairn_sessions_open')})", "open")),
        chart("Sessions by outcome", "Opened, published, aborted, purged, "
              "fenced; a second.", "cps",
              (rate("cairn_index_sessions_total", "outcome"), "{{outcome}}"),
              (rate("cairn_sessions_fenced_total"), "fenced")),
        chart("Oldest", "Age of the oldest open session and lease.", "s",
              (f"max by (datastore) ({of('cairn_gc_cut_lag_seconds')})",
               "session of {{datastore}}"),
              (f"max({of('cairn_lease_oldest_age_seconds')})", "lease")),
        chart("Leases", "That hold something now.", "none",
              (f"sum by (purpose) ({of('cairn_leases_live')})",
               "{{purpose}}"), stack=True),
        chart("Leases granted and lost", "A second.", "cps",
              (rate("cairn_leases_granted_total", "purpose"),
               "granted: {{purpose}}"),
              (rate("cairn_leases_refused_total"), "refused"),
              (rate("cairn_lease_expired_total"), "expired")),
        chart("Refused by the fence", "Calls of what a sweep has overtaken.",
              "cps",
              (rate("cairn_fence_rejections_total", "kind"), "{{kind}}")),
    ]


def calls():
    failed = f"grpc_code=~{quote(FAILED)}"
    return "Calls: rate, errors, duration", [
        chart("Calls", "Ended, by service.", "reqps",
              (rate("grpc_server_handled_total", "grpc_service"),
               "{{grpc_service}}")),
        chart("Failed", "Share of calls that failed on the server's side.",
              "percentunit",
              ('cairn:grpc_server_failed:ratio_rate10m{job=~"$job"}',
               "{{job}} {{grpc_service}}")),
        chart("Duration", "Of unary calls, of 99 %.", "s",
              (quantile(0.99, "grpc_server_handling_seconds", "grpc_service",
                        'grpc_type="unary"'), "{{grpc_service}}")),
        chart("By code", "All that did not end with OK.", "reqps",
              (rate("grpc_server_handled_total", "grpc_code",
                    'grpc_code!="OK"') + " > 0", "{{grpc_code}}")),
        chart("Failed methods", "The five with the most failures.", "reqps",
              ("topk(5, " + rate("grpc_server_handled_total",
                                 "grpc_service, grpc_method", failed) + ")",
               "{{grpc_service}}/{{grpc_method}}")),
        chart("Slow methods", "The five unary ones with the longest mean.",
              "s",
              ("topk(5, "
               + rate("grpc_server_handling_seconds_sum",
                      "grpc_service, grpc_method", 'grpc_type="unary"')
               + " / "
               + rate("grpc_server_handling_seconds_count",
                      "grpc_service, grpc_method", 'grpc_type="unary"')
               + ")", "{{grpc_service}}/{{grpc_method}}")),
        chart("In flight", "Calls that run, and unary ones that wait for a "
              "thread.", "none",
              (f"sum by (job) ({of('cairn_rpc_calls_in_flight')})",
               "{{job}} running"),
              (f"sum by (job) ({of('cairn_rpc_queued_calls')})",
               "{{job}} waiting")),
        chart("Between services", "Calls that ingest and maintenance make.",
              "reqps",
              (rate("grpc_client_handled_total", "grpc_service, grpc_code"),
               "{{grpc_service}} {{grpc_code}}")),
        chart("Refused callers", "By reason.", "reqps",
              (rate("cairn_auth_failures_total", "reason"), "{{reason}}")),
    ]


def disks():
    return "Disks", [
        chart("Syncs", "fsync and fdatasync, a second.", "ops",
              (rate("cairn_fsync_seconds_count", "store, file"),
               "{{store}} {{file}}")),
        chart("Time of a sync", "Of 99 %.", "s",
              (quantile(0.99, "cairn_fsync_seconds", "store, file"),
               "{{store}} {{file}}")),
        chart("Failed syncs", "The first ends the process.", "none",
              (f"sum by (store) (increase({of('cairn_fsync_errors_total')}"
               "[1h]))", "{{store}}")),
    ]


def databases():
    return "RocksDB", [
        chart("Table files", "On disk.", "bytes",
              (f"sum by (store) ({of('cairn_rocksdb_sst_bytes')})",
               "{{store}}")),
        chart("Memory", "Memtables and block cache.", "bytes",
              (f"sum by (store) ({of('cairn_rocksdb_memtable_bytes')})",
               "{{store}} memtables"),
              (f"sum by (store) ({of('cairn_rocksdb_block_cache_bytes')})",
               "{{store}} cache"), stack=True),
        chart("Write-ahead log", "On disk.", "bytes",
              (f"sum by (store) ({of('cairn_rocksdb_wal_bytes')})",
               "{{store}}")),
        chart("Compaction", "What it has yet to rewrite, estimated.", "bytes",
              (f"sum by (store) "
               f"({of('cairn_rocksdb_pending_compaction_bytes')})",
               "{{store}}")),
        chart("Background work", "Compactions and flushes that run.", "none",
              (f"sum by (store) ({of('cairn_rocksdb_running_compactions')})",
               "{{store}} compactions"),
              (f"sum by (store) ({of('cairn_rocksdb_running_flushes')})",
               "{{store}} flushes")),
        chart("Stalls and errors", "In an hour.", "none",
              (f"sum by (store, condition) "
               f"(increase({of('cairn_rocksdb_write_stalls_total')}[1h]))",
               "{{store}} {{condition}}"),
              (f"sum by (store) (increase("
               f"{of('cairn_rocksdb_background_errors_total')}[1h]))",
               "{{store}} errors")),
        chart("Keys", "Estimated.", "none",
              (f"sum by (store) ({of('cairn_rocksdb_estimated_keys')})",
               "{{store}}")),
    ]


def processes():
    return "Processes", [
        chart("CPU", "Cores in use.", "none",
              (rate("process_cpu_seconds_total", "job, instance"),
               "{{job}} {{instance}}")),
        chart("Memory", "Resident.", "bytes",
              (of("process_resident_memory_bytes"), "{{job}} {{instance}}")),
        chart("Uptime", "Since the start of each process.", "s",
              (f"time() - {of('process_start_time_seconds')}",
               "{{job}} {{instance}}")),
        chart("Files", "Share of the descriptors that a process may have "
              "open.", "percentunit",
              (f"{of('process_open_fds')} / {of('process_max_fds')}",
               "{{job}} {{instance}}")),
        chart("Threads", "Of each process.", "none",
              (of("process_threads"), "{{job}} {{instance}}")),
        chart("Dependencies", "1 while one answers.", "none",
              (of("cairn_dependency_ready"), "{{job}}: {{dependency}}")),
        chart("Log", "Lines a second, of warnings and errors.", "cps",
              (rate("cairn_log_lines_total", "job, level",
                    'level=~"warning|error"'), "{{job}} {{level}}")),
        chart("Versions", "Processes by version.", "none",
              (f"count by (service, version) ({of('cairn_build_info')})",
               "{{service}} {{version}}")),
    ]


ROWS = (overview, backups, restores, space, maintenance, leases, calls,
        disks, databases, processes)


# --- the form of Grafana ---


def laid_out():
    """All panels, row by row, from left to right."""
    panels, y = [], 0

    def add(panel, x, y):
        panel["gridPos"] |= {"x": x, "y": y}
        panels.append({"id": len(panels) + 1} | panel)

    for row in ROWS:
        title, content = row()
        add({"type": "row", "title": title, "collapsed": False, "panels": [],
             "gridPos": {"w": COLUMNS, "h": 1}}, 0, y)
        y, x = y + 1, 0
        for panel in content:
            if x + panel["gridPos"]["w"] > COLUMNS:
                x, y = 0, y + panel["gridPos"]["h"]
            add(panel, x, y)
            x += panel["gridPos"]["w"]
        y += content[-1]["gridPos"]["h"]
    return panels


def dashboard():
    return {
        "title": "Cairn", "uid": "cairn", "tags": ["cairn", "backup"],
        "description": "Backups, restores, maintenance and the processes of "
                       "Cairn.",
        "schemaVersion": 37, "version": 1, "editable": True,
        "graphTooltip": 1, "refresh": "1m", "timezone": "browser",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": [
            {"name": "datasource", "label": "Prometheus",
             "type": "datasource", "query": "prometheus"},
            {"name": "job", "label": "Job", "type": "query",
             "datasource": DATASOURCE, "refresh": 2, "sort": 1,
             # Of one that is down, too.
             "query": {"query": 'label_values(up{job=~"cairn.*"}, job)',
                       "refId": "job"},
             "multi": True, "includeAll": True,
             "current": {"text": ["All"], "value": ["$__all"]}},
        ]},
        "panels": laid_out(),
    }


if __name__ == "__main__":
    print(json.dumps(dashboard(), indent=1))
