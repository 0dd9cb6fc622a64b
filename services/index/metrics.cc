#include "services/index/metrics.h"

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

}  // namespace

IndexMetrics::IndexMetrics(MetricRegistry* registry)
    : sessions_opened(Sessions(registry, "opened")),
      sessions_published(Sessions(registry, "published")),
      sessions_aborted(Sessions(registry, "aborted")),
      sessions_purged(Sessions(registry, "purged")),
      open_sessions(
          registry->AddGauge("cairn_index_open_sessions",
                             "Sessions that are open and not fenced.")),
      fenced_calls(registry->AddCounter(
          "cairn_index_fenced_calls_total",
          "Calls refused because a sweep has overtaken their session.")),
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
      page_cache_misses(PageReads(registry, "miss")) {}

}  // namespace cairn::index
