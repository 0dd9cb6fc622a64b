#include "services/index/engine/catalog_figures.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/kv/kv_store.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

absl::Status AddGroups(const IndexView& view, const Uuid& datastore,
                       absl::Time now, DatastoreFigures& figures) {
  const int64_t late = absl::ToUnixSeconds(now - CatalogFigures::kLateAfter);
  const std::string prefix = DatastorePrefix(datastore);
  const auto cursor = view.Scan(Table::kGroups, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(const GroupRow row,
                     DecodeAt(Table::kGroups, *cursor, DecodeGroup));
    if (row.listed_count == 0) continue;
    const int64_t newest = row.newest_listed_time;
    figures.newest_success = std::max(figures.newest_success, newest);
    figures.oldest_success = figures.oldest_success == 0
                                 ? newest
                                 : std::min(figures.oldest_success, newest);
    ++(newest < late ? figures.late_groups : figures.recent_groups);
  }
  return cursor->status();
}

absl::Status AddOldestSession(const IndexView& view,
                              const std::vector<Uuid>& open, absl::Time now,
                              DatastoreFigures& figures) {
  for (const Uuid& session : open) {
    ASSIGN_OR_RETURN(const std::optional<SessionRow> row,
                     view.GetSession(session));
    if (!row.has_value()) continue;  // it has ended since
    figures.oldest_session =
        std::max(figures.oldest_session, now - row->open_time);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CatalogFigures::Show() const {
  absl::Status result;
  const DatastoreState* state = datastores_->FirstFrom("");
  while (state != nullptr) {
    const std::string& name = state->info.name;
    const absl::StatusOr<DatastoreFigures> figures = Read(*state);
    result.Update(figures.status());
    if (figures.ok()) {
      metrics_->Show(name, *figures);
      // Of times before this process the successes are known. A client may
      // have said when it was; that may be tomorrow.
      metrics_->ShowAttempt(
          name, std::min(clock_->Now(),
                         absl::FromUnixSeconds(figures->newest_success)));
    }
    state = datastores_->FirstFrom(name + '\0');
  }
  return result;
}

absl::StatusOr<DatastoreFigures> CatalogFigures::Read(
    const DatastoreState& state) const {
  DatastoreFigures figures;
  std::vector<Uuid> open;
  {
    absl::ReaderMutexLock lock(&state.gate);
    figures.listed_snapshots = state.numbers.snapshot_count;
    figures.listed_bytes = state.numbers.logical_bytes;
    figures.trash_snapshots = state.numbers.trash_count;
    figures.trash_bytes = state.numbers.trash_bytes;
    figures.gone_snapshots = state.numbers.gone_count;
    for (const auto& [session, parent] : state.open_sessions) {
      open.push_back(session);
    }
  }
  const absl::Time now = clock_->Now();
  const IndexView view = store_->NewView(state.info.ref.uuid);
  RETURN_IF_ERROR(AddGroups(view, state.info.ref.uuid, now, figures));
  RETURN_IF_ERROR(AddOldestSession(view, open, now, figures));
  return figures;
}

}  // namespace cairn::index
