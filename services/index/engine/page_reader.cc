#include "services/index/engine/page_reader.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"

namespace cairn::index {
namespace {

// A step along the table costs about a tenth of a look-up, which leads
// through several files.
constexpr size_t kMaxSteps = 10;
// Ids are spread evenly, so a few jumps more than walks tell for all.
constexpr size_t kMaxJumps = 4;

}  // namespace

absl::StatusOr<bool> AscendingPageReader::WalkTo(const std::string& key) {
  if (cursor_ != nullptr) {
    for (size_t steps = 0; steps < kMaxSteps && cursor_->Valid(); ++steps) {
      if (cursor_->key() >= key) {
        if (jumps_ > 0) --jumps_;
        return cursor_->key() == key;
      }
      cursor_->Next();
    }
    RETURN_IF_ERROR(cursor_->status());
    if (++jumps_ == kMaxJumps) walks_ = false;
  }
  cursor_ =
      view_->Scan(Table::kPages, key, PrefixEnd(DatastorePrefix(datastore_)));
  RETURN_IF_ERROR(cursor_->status());
  return cursor_->Valid() && cursor_->key() == key;
}

absl::StatusOr<std::string> AscendingPageReader::Read(const Digest& id) {
  std::optional<std::string> page;
  if (walks_) {
    ASSIGN_OR_RETURN(const bool found, WalkTo(PageKey(datastore_, id)));
    if (found) page = std::string(cursor_->value());
  } else {
    cursor_.reset();
    ASSIGN_OR_RETURN(page, view_->GetPage(id));
  }
  if (page.has_value()) return *std::move(page);
  return WithReason(
      absl::DataLossError(absl::StrCat("page ", id.ToHex(), ": is not stored")),
      reason::kRecordMissing);
}

}  // namespace cairn::index
