#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/local_file.h"

namespace cairn::client {

// The one line of a file that holds a secret, without its line feed.
// LocalErrors; FailedPrecondition (LOCAL_IO): others may read or write it, so
// that its mode has to be 0600 or stricter. One exception: a file of root that
// another user reads may be readable by its group, as orchestrators mount
// secrets. InvalidArgument: it has more lines than one, none, or more than
// `max_bytes` bytes; the text does not show what is in it.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path,
                                           size_t max_bytes);

// A file for a secret that is about to be known: it is there, empty, with mode
// 0600, before what makes the secret is asked for, and goes with this object
// unless the secret was written. One thread.
class NewSecretFile {
 public:
  // LocalErrors; AlreadyExists: there is one, which stays as it is.
  static absl::StatusOr<NewSecretFile> Create(const std::string& path);
  ~NewSecretFile();
  NewSecretFile(NewSecretFile&& other) noexcept;
  NewSecretFile& operator=(NewSecretFile&&) = delete;

  // `secret` and a line feed, durable when it returns. Once.
  absl::Status Write(std::string_view secret);

 private:
  NewSecretFile(FileDescriptor fd, std::string path)
      : fd_(std::move(fd)), path_(std::move(path)) {}

  FileDescriptor fd_;  // none: written, or moved from
  std::string path_;
};

}  // namespace cairn::client
