#include "services/ingest/engine/base_chunks.h"

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/reuse.h"

namespace cairn::ingest {

absl::StatusOr<std::string_view> BaseChunks::Read(const Call& call,
                                                  uint64_t offset,
                                                  uint64_t length) {
  if (last_.has_value() && last_->offset == offset && last_->length == length) {
    return last_->bytes;
  }
  last_.reset();
  ArchiveReader reader({.window_entries = 1, .max_queued_entries = 1},
                       dependencies_, call,
                       {.archive = archive_,
                        .datastore = datastore_,
                        .offset = offset,
                        .end = offset + length},
                       /*lease=*/nullptr, account_);
  absl::StatusOr<std::optional<ReadPiece>> piece = reader.Next();
  if (absl::IsDataLoss(piece.status()) || absl::IsNotFound(piece.status()) ||
      absl::IsOutOfRange(piece.status())) {
    return ReuseRefused(piece.status().message(), offset, length);
  }
  RETURN_IF_ERROR(piece.status());
  if (!piece->has_value() || (*piece)->is_hole || (*piece)->length != length) {
    return absl::InternalError(absl::StrCat(archive_.ToString(), ": bytes ",
                                            offset, "..", offset + length - 1,
                                            " are not one chunk"));
  }
  last_ = **std::move(piece);
  return last_->bytes;
}

}  // namespace cairn::ingest
