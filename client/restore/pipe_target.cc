#include "client/restore/pipe_target.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "client/posix/local_error.h"
#include "client/transfer/frame.h"
#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<std::unique_ptr<Target>> PipeTarget::Open(
    const std::string& path, const Interrupt* interrupt) {
  FileDescriptor fd(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid()) return LocalError(path, "open", errno);
  auto target = std::make_unique<PipeTarget>(fd.get(), path, interrupt);
  target->owned_ = std::move(fd);
  return target;
}

absl::Status PipeTarget::Write(uint64_t, std::string_view data) {
  return WriteFully(fd_, name_, data, *interrupt_);
}

absl::Status PipeTarget::WriteHole(uint64_t, uint64_t length) {
  const std::string zeros(std::min<uint64_t>(length, kFrameBytes), '\0');
  while (length > 0) {
    const uint64_t piece = std::min<uint64_t>(length, zeros.size());
    RETURN_IF_ERROR(WriteFully(
        fd_, name_, std::string_view(zeros).substr(0, piece), *interrupt_));
    length -= piece;
  }
  return absl::OkStatus();
}

}  // namespace cairn::client
