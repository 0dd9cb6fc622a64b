#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/posix/local_file.h"
#include "client/transfer/problem_log.h"

struct archive;
struct archive_entry;

namespace cairn::client {

// Extracts a tar stream below a directory, and never outside of it: entries
// with an absolute path or "..", and such that lead through a symbolic link,
// are refused and told to the problem log, and so is what this process may
// not restore. While Extract runs the process's working directory is the
// target: one at a time.
class TarTarget {
 public:
  struct Options {
    std::string directory;
    bool overwrite = false;      // the directory may hold something
    bool restore_owner = false;  // numeric and by name, as the archive says
  };
  struct Report {
    uint64_t entries = 0;
    uint64_t refused = 0;  // of these
  };
  // The next piece of the tar, empty at the end. It stays valid until the
  // next call.
  using Pull = std::function<absl::StatusOr<std::string_view>()>;

  // Creates the directory if it does not exist; its parent must.
  // AlreadyExists: not empty, and may not be overwritten.
  static absl::StatusOr<std::unique_ptr<TarTarget>> Open(
      const Options& options, const Interrupt* interrupt, ProblemLog* problems);

  // OK means that it survives a power cut. DataLoss: the stream is not a tar,
  // or cut off; LocalErrors: the disk is full, or fails. After an error the
  // file that was being written is gone, those before it are whole.
  absl::StatusOr<Report> Extract(Pull pull);

 private:
  struct Reading;  // what the callback of libarchive is given

  TarTarget(const Options& options, FileDescriptor directory,
            const Interrupt* interrupt, ProblemLog* problems)
      : options_(options),
        directory_(std::move(directory)),
        interrupt_(interrupt),
        problems_(problems) {}

  absl::Status ExtractHere(Pull pull, Report* report);
  // Removes what `error` left incomplete, and says so in it.
  absl::Status RemoveIncomplete(const absl::Status& error);
  // Errno; 0 if nothing of that name is left.
  int RemoveBeneath(const std::string& path) const;
  absl::Status ExtractAll(Pull pull, Report* report);
  absl::Status ExtractEntries(Reading& reading, archive* tar, archive* disk,
                              Report* report);
  absl::Status ExtractEntry(Reading& reading, archive* tar, archive* disk,
                            archive_entry* entry, Report* report);
  absl::Status CopyContent(Reading& reading, archive* tar, archive* disk,
                           const std::string& path);
  void Problem(const std::string& path, archive* from);
  // Remembers the time of a directory that is there already: libarchive sets
  // it at once, and what is extracted into the directory changes it again.
  void KeepDirectoryTime(const std::string& path, archive_entry* entry);
  void SetDirectoryTimes();

  const Options options_;
  const FileDescriptor directory_;
  const Interrupt* const interrupt_;
  ProblemLog* const problems_;
  std::map<std::string, struct timespec> directory_times_;
  // Names of the file whose content is being written.
  std::vector<std::string> incomplete_;
};

// Why a path of an archive may not be used below a target; empty if it may.
std::string RefusalOfPath(std::string_view path);

}  // namespace cairn::client
