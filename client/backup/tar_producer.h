#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"
#include "client/backup/directory_walker.h"
#include "client/posix/interrupt.h"
#include "client/posix/local_file.h"
#include "client/transfer/problem_log.h"

struct archive;
struct archive_entry;

namespace cairn::client {

// A directory as a pax tar stream with all that pax carries: modes, owners by
// number and name, modification times in nanoseconds, symbolic and hard
// links, devices, fifos, extended attributes, access control lists, file
// flags, holes. Access and change times are left out, so that an unchanged
// tree gives the same bytes again. Names are bytes and need no locale.
// Sockets are left out. A file that vanishes, shrinks, grows or is written
// while it is read goes to the problem log; a shorter one is filled with
// zeros. Errors of the top directory end the stream.
class TarProducer final : public ByteProducer {
 public:
  // First names of inodes with several, remembered to find hard links. What
  // is above is stored as files of their own.
  static constexpr size_t kMaxHardLinks = 4'000'000;
  static constexpr size_t kMaxExtents = 65536;  // of one file

  struct Options {
    std::string directory;
    std::vector<std::string> exclude;
    bool all_file_systems = false;
  };

  // The last two outlive the producer.
  static absl::StatusOr<std::unique_ptr<TarProducer>> Open(
      const Options& options, const Interrupt* interrupt, ProblemLog* problems);
  ~TarProducer() override;

  absl::StatusOr<std::optional<std::string>> Read() override;

 private:
  // Where libarchive writes to.
  struct Output {
    std::string pending;     // bounded by a block and a header
    bool abandoned = false;  // takes nothing any more
  };
  // The regular file whose content is being written.
  struct OpenFile {
    LocalFile file;
    FileFacts facts;              // when it was opened
    std::vector<Extent> extents;  // of [0, size)
    size_t extent = 0;            // the one that holds `position`
    uint64_t position = 0;
    bool damaged = false;  // a problem was told already
  };

  TarProducer(const Options& options, const Interrupt* interrupt,
              ProblemLog* problems);
  absl::Status Start();

  absl::Status Step();
  absl::Status WriteEntry(const WalkEntry& entry);
  absl::Status WriteRegular(const WalkEntry& entry);
  absl::Status WriteOther(const WalkEntry& entry);
  // Fills a libarchive entry from the file system; false: told as a problem.
  bool Describe(const WalkEntry& entry, int fd, const struct stat& status,
                archive_entry* out);
  absl::Status WriteHeader(archive_entry* entry, const std::string& path);
  absl::Status WriteFileBlock();
  absl::Status FinishFile();
  void Problem(const std::string& path, std::string_view text);
  absl::Status WriterError() const;

  const std::string top_;
  const Interrupt* const interrupt_;
  ProblemLog* const problems_;
  std::unique_ptr<DirectoryWalker> walker_;
  archive* disk_ = nullptr;    // reads metadata
  archive* writer_ = nullptr;  // writes into output_
  Output output_;
  std::unique_ptr<OpenFile> open_;
  std::map<std::pair<uint64_t, uint64_t>, std::string> links_;
  bool ended_ = false;
};

}  // namespace cairn::client
