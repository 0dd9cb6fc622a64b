#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/read_stream.h"
#include "client/remote/retry_budget.h"
#include "client/restore/range_reader.h"
#include "client/transfer/frame.h"
#include "client/transfer/transfer_progress.h"

namespace cairn::client {

// A RangeReader of the bytes that the server decodes and checks.
class ArchiveReader final : public RangeReader {
 public:
  // All outlive the reader.
  ArchiveReader(const RangeOptions& options, CatalogRemote* remote,
                RetryBudget* budget, const ProgressListener* progress)
      : options_(options),
        remote_(remote),
        budget_(budget),
        progress_(progress),
        position_(options.offset) {}

  absl::Status Open() override;
  uint64_t archive_size_bytes() const override { return archive_size_bytes_; }
  uint64_t begin() const override { return options_.offset; }
  uint64_t end() const override { return end_; }
  absl::StatusOr<std::optional<Frame>> Next() override;

 private:
  absl::Status Connect();
  absl::Status TakeHeader(
      const ingest::v1::ReadArchiveResponse::Header& header);
  absl::StatusOr<Frame> TakeFrame(ingest::v1::ReadArchiveResponse message);
  absl::Status Confusion(std::string_view what) const;

  const RangeOptions options_;
  CatalogRemote* const remote_;
  RetryBudget* const budget_;
  const ProgressListener* const progress_;
  std::unique_ptr<ReadStream> stream_;  // null: to be connected
  bool opened_ = false;
  uint64_t archive_size_bytes_ = 0;
  uint64_t end_ = 0;
  uint64_t position_ = 0;
};

}  // namespace cairn::client
