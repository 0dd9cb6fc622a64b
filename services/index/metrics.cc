#include "services/index/metrics.h"

#include <algorithm>
#include <string>

namespace cairn::index {
namespace {

Counter& Sessions(MetricRegistry* registry, const std::string& outcome) {
  return registry->AddCounter("cairn_index_sessions_total",
                              "Sessions that were opened, or ended so.",
                              {{"outcome", outcome}});
}

Counter& Pages(MetricRegistry* registry, const std::string& outcome) {
  return registry->AddCounter("cairn_index_pages_total",
                              "Pages that sessions handed in.",
                              {{"outcome", outcome}});
}

Counter& PageReads(MetricRegistry* registry, const std::string& outcome) {
  return registry->AddCounter("cairn_index_page_reads_total",
                              "Pages read to find entries of archives.",
                              {{"outcome", outcome}});
}

Counter& Rejections(MetricRegistry* registry, const std::string& kind) {
  return registry->AddCounter(
      "cairn_fence_rejections_total",
      "Calls refused because a sweep has overtaken who makes them.",
      {{"kind", kind}});
}

double Seconds(absl::Time time) {
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

}  // namespace

IndexMetrics::IndexMetrics(MetricRegistry* registry)
    : sessions_opened(Sessions(registry, "opened")),
      sessions_published(Sessions(registry, "published")),
      sessions_aborted(Sessions(registry, "aborted")),
      sessions_purged(Sessions(registry, "purged")),
      open_sessions(registry->AddGauge(
          "cairn_sessions_open", "Sessions that are open and not fenced.")),
      sessions_fenced(
          registry->AddCounter("cairn_sessions_fenced_total",
                               "Sessions that a sweep has overtaken.")),
      fenced_calls(Rejections(registry, "session")),
      stale_sweeps(Rejections(registry, "sweep")),
      pages_stored(Pages(registry, "stored")),
      pages_known(Pages(registry, "known")),
      checkpoints(registry->AddCounter("cairn_index_checkpoints_total",
                                       "Checkpoints made durable.")),
      catalog_changes(
          registry->AddCounter("cairn_index_catalog_changes_total",
                               "Changes of the catalog that were committed.")),
      fence_raises(registry->AddCounter("cairn_index_fence_raises_total",
                                        "Calls that raised a fence.")),
      sweeps_begun(registry->AddCounter("cairn_index_sweeps_total",
                                        "Views that sweeps have begun with.")),
      snapshots_gone(registry->AddCounter(
          "cairn_index_snapshots_gone_total",
          "Snapshots whose time in trash was over when a sweep began.")),
      marked_pages(registry->AddCounter(
          "cairn_index_marked_pages_total",
          "Distinct pages that walks of sweeps and verifies have read.")),
      marked_references(registry->AddCounter(
          "cairn_index_marked_references_total",
          "Entries of the pages that those walks have read.")),
      dropped_pages(registry->AddCounter(
          "cairn_index_dropped_pages_total",
          "Pages that sweeps have dropped from the database.")),
      dropped_page_bytes(
          registry->AddCounter("cairn_index_dropped_page_bytes_total",
                               "Bytes of the pages that sweeps have dropped.")),
      page_cache_hits(PageReads(registry, "hit")),
      page_cache_misses(PageReads(registry, "miss")),
      registry_(registry) {}

void IndexMetrics::Show(const std::string& datastore,
                        const DatastoreFigures& figures) {
  const auto set = [&](const std::string& name, const std::string& help,
                       double value, MetricLabels labels = {}) {
    labels["datastore"] = datastore;
    registry_->AddGauge(name, help, labels).Set(value);
  };
  set("cairn_backup_last_success_timestamp_seconds",
      "Time of the newest listed snapshot; 0: none.",
      static_cast<double>(figures.newest_success));
  set("cairn_backup_oldest_success_timestamp_seconds",
      "Newest listed snapshot of the group that has waited longest; 0: none.",
      static_cast<double>(figures.oldest_success));
  const auto groups = [&](const char* state, uint64_t count) {
    set("cairn_backup_groups",
        "Groups with listed snapshots, by the age of the newest.",
        static_cast<double>(count), {{"state", state}});
  };
  groups("recent", figures.recent_groups);
  groups("late", figures.late_groups);
  const auto snapshots = [&](const char* state, uint64_t count) {
    set("cairn_snapshots", "Snapshots that have a row.",
        static_cast<double>(count), {{"state", state}});
  };
  snapshots("listed", figures.listed_snapshots);
  snapshots("trash", figures.trash_snapshots);
  snapshots("gone", figures.gone_snapshots);
  const auto bytes = [&](const char* state, uint64_t count) {
    set("cairn_snapshots_logical_bytes",
        "Plain bytes of snapshots, holes included.", static_cast<double>(count),
        {{"state", state}});
  };
  bytes("listed", figures.listed_bytes);
  bytes("trash", figures.trash_bytes);
  set("cairn_gc_cut_lag_seconds",
      "Age of the oldest open session, since which nothing can be freed.",
      absl::ToDoubleSeconds(figures.oldest_session));
}

void IndexMetrics::ShowAttempt(const std::string& datastore, absl::Time time) {
  absl::MutexLock lock(&mutex_);
  absl::Time& latest =
      attempts_.emplace(datastore, absl::UnixEpoch()).first->second;
  latest = std::max(latest, time);
  registry_
      ->AddGauge("cairn_backup_last_attempt_timestamp_seconds",
                 "When a session was last opened; 0: none is known of.",
                 {{"datastore", datastore}})
      .Set(Seconds(latest));
}

}  // namespace cairn::index
