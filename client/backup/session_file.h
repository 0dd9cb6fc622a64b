#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/local_file.h"

namespace cairn::client {

// What is kept of a backup that is running, so that another process can go
// on with its session.
struct SessionNote {
  std::string server;   // its address
  std::string session;  // resource name
  std::string request;  // digest of what is backed up, and as what; hex
  std::string sources;  // digest of what the files looked like; hex
  friend bool operator==(const SessionNote&, const SessionNote&) = default;

  // A checked text (common/io/checked_text.h): a line a field, and the
  // checksum of all of them, so that no damage makes a session of another.
  std::string Format() const;
  // InvalidArgument: not of this form, or damaged.
  static absl::StatusOr<SessionNote> Parse(std::string_view text);
};

// The file of a SessionNote, locked for as long as this object lives, so that
// one process at a time works on the session. It is there whole or not at all,
// readable by its owner only, and survives the process. Errors are LocalErrors
// but where told. One thread.
class SessionFile {
 public:
  static constexpr size_t kMaxBytes = 4096;

  // Writes `path`, in the place of one that is there.
  static absl::StatusOr<std::unique_ptr<SessionFile>> Create(
      const std::string& path, const SessionNote& note);

  // Reads `path`. NotFound: there is none. Aborted (not a LocalError): another
  // process has it. InvalidArgument (not a LocalError): not a SessionNote.
  static absl::StatusOr<std::unique_ptr<SessionFile>> Open(
      const std::string& path);

  const SessionNote& note() const { return note_; }

  // The session has ended: the file goes.
  void Remove();

 private:
  SessionFile(std::string path, FileDescriptor fd, SessionNote note)
      : path_(std::move(path)), fd_(std::move(fd)), note_(std::move(note)) {}

  const std::string path_;
  const FileDescriptor fd_;  // holds the lock
  const SessionNote note_;
};

}  // namespace cairn::client
