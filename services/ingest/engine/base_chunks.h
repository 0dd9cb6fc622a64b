#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/names.h"
#include "common/model/session.h"
#include "services/ingest/engine/archive_reader.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

// The bytes of single chunks of an archive, proved against their digests.
// Holds the last one. Not thread-safe.
class BaseChunks {
 public:
  // What `dependencies` names outlives it. ArchiveReader::GuaranteeFor the
  // longest chunk is in the guarantee of `account`.
  BaseChunks(const ArchiveReader::Dependencies& dependencies,
             ArchiveName archive, DatastoreRef datastore,
             std::shared_ptr<StreamBudget::Account> account)
      : dependencies_(dependencies),
        archive_(std::move(archive)),
        datastore_(std::move(datastore)),
        account_(std::move(account)) {}

  // The chunk [offset, offset + length), until the next call.
  // FailedPrecondition (REUSE_REFUSED): it is missing or damaged.
  absl::StatusOr<std::string_view> Read(const Call& call, uint64_t offset,
                                        uint64_t length);

 private:
  const ArchiveReader::Dependencies dependencies_;
  const ArchiveName archive_;
  const DatastoreRef datastore_;
  const std::shared_ptr<StreamBudget::Account> account_;
  std::optional<ReadPiece> last_;
};

}  // namespace cairn::ingest
