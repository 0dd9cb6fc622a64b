#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"

// Files of a sort that does not fit into memory: runs of blocks, written once
// and read in order by the process that wrote them. Nothing is synced: after
// a restart they are worth nothing.
//
// A block on disk, integers as the machine has them:
//   SHA-256 over run number, block number and content   32 bytes
//   length of the content                               4 bytes
//   content
// A flipped bit would otherwise drop live data, or keep nothing of it. SHA-256
// since it is what everything here is proved with and the processor has
// instructions for it: 5 ns for a mark, of about 100 that it costs in all. A
// CRC32C would be faster and would be the only one of this tree.
namespace cairn::index {

inline constexpr size_t kMaxRunBlockBytes = size_t{40} << 10;

class RunDirectory;

// A run that is written to its end. Its file goes with it.
class RunFile {
 public:
  ~RunFile();
  RunFile(const RunFile&) = delete;
  RunFile& operator=(const RunFile&) = delete;

  uint64_t entries() const { return entries_; }

 private:
  friend class RunWriter;
  friend class RunReader;
  RunFile(FileSystem* files, std::string path, uint64_t number,
          std::unique_ptr<File> file)
      : files_(files),
        path_(std::move(path)),
        number_(number),
        file_(std::move(file)) {}

  FileSystem* const files_;
  const std::string path_;
  const uint64_t number_;
  const std::unique_ptr<File> file_;
  uint64_t blocks_ = 0;
  uint64_t entries_ = 0;  // as the writer says
};

// Where runs are. Thread-safe; outlives its runs.
class RunDirectory {
 public:
  // Creates `path` if it is not there, and removes what an earlier process
  // has left in it. `files` outlives the object.
  static absl::StatusOr<std::unique_ptr<RunDirectory>> Open(FileSystem* files,
                                                            std::string path);

 private:
  friend class RunWriter;
  RunDirectory(FileSystem* files, std::string path)
      : files_(files), path_(std::move(path)) {}

  FileSystem* const files_;
  const std::string path_;
  std::atomic<uint64_t> next_number_ = 1;
};

// Not thread-safe. One that is not finished leaves nothing.
class RunWriter {
 public:
  static absl::StatusOr<RunWriter> Create(RunDirectory* directory);

  // At most kMaxRunBlockBytes.
  absl::Status Append(std::string_view block);
  std::shared_ptr<const RunFile> Finish(uint64_t entries) &&;

 private:
  explicit RunWriter(std::shared_ptr<RunFile> run) : run_(std::move(run)) {}

  std::shared_ptr<RunFile> run_;
  uint64_t end_ = 0;
};

// Reads a run from its start. Several may read one run. Not thread-safe.
class RunReader {
 public:
  explicit RunReader(std::shared_ptr<const RunFile> run)
      : run_(std::move(run)) {}

  // Nullopt after the last. DataLoss: it is not what was written.
  absl::StatusOr<std::optional<std::string>> Next();

  const RunFile& run() const { return *run_; }
  absl::Status Damaged(std::string_view what) const;

 private:
  std::shared_ptr<const RunFile> run_;
  uint64_t offset_ = 0;
  uint64_t block_ = 0;
};

}  // namespace cairn::index
