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
      page_cache_hits(PageReads(registry, "hit")),
      page_cache_misses(PageReads(registry, "miss")) {}

}  // namespace cairn::index
