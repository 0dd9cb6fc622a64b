#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/digest.h"
#include "common/model/uuid.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Reads pages of one view in ascending order of their ids. Where they lie
// close together, as they do when most of the table is asked for, by one walk
// along it, which costs a third of looking each up; else one by one. Not
// thread-safe.
class AscendingPageReader {
 public:
  // `view` outlives the reader.
  AscendingPageReader(const IndexView* view, const Uuid& datastore)
      : view_(view), datastore_(datastore) {}

  // `id` is above the last one. The bytes are not proved. DataLoss
  // (RECORD_MISSING): it is not there.
  absl::StatusOr<std::string> Read(const Digest& id);

 private:
  // Whether the walk has come to `key`.
  absl::StatusOr<bool> WalkTo(const std::string& key);

  const IndexView* const view_;
  const Uuid datastore_;
  bool walks_ = true;
  size_t jumps_ = 0;  // less those that were none
  std::unique_ptr<KvCursor> cursor_;
};

}  // namespace cairn::index
