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
#include "client/transfer/frame.h"
#include "client/transfer/transfer_progress.h"

namespace cairn::client {

// A byte range of an archive, in order, however often the connection breaks:
// goes on at the first byte it does not have. Checks that the server sends
// exactly the range. One thread.
class ArchiveReader {
 public:
  struct Options {
    std::string archive;  // resource name
    std::string label;    // for people: the archive's name
    uint64_t offset = 0;
    uint64_t length = 0;  // 0: to the end
  };

  // All outlive the reader.
  ArchiveReader(const Options& options, CatalogRemote* remote,
                RetryBudget* budget, const ProgressListener* progress)
      : options_(options),
        remote_(remote),
        budget_(budget),
        progress_(progress),
        position_(options.offset) {}

  // Starts to read, after which the members below are known. NotFound,
  // OutOfRange and what else the server says.
  absl::Status Open();
  uint64_t archive_size_bytes() const { return archive_size_bytes_; }
  uint64_t begin() const { return options_.offset; }
  uint64_t end() const { return end_; }  // exclusive

  // The next piece; nullopt at end(). DataLoss: what comes next cannot be
  // proved; what was returned before is good.
  absl::StatusOr<std::optional<Frame>> Next();

 private:
  absl::Status Connect();
  absl::Status TakeHeader(
      const ingest::v1::ReadArchiveResponse::Header& header);
  absl::StatusOr<Frame> TakeFrame(ingest::v1::ReadArchiveResponse message);
  absl::Status Confusion(std::string_view what) const;

  const Options options_;
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
