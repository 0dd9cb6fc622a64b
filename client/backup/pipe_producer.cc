#include "client/backup/pipe_producer.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "absl/time/time.h"
#include "client/posix/local_error.h"
#include "client/transfer/frame.h"
#include "common/status/status_macros.h"

namespace cairn::client {

absl::StatusOr<std::optional<std::string>> PipeProducer::Read() {
  std::string data(kFrameBytes, '\0');
  size_t got = 0;
  // Full frames cost the least per byte, but what has arrived is not held
  // back when the writer pauses.
  while (got < data.size()) {
    RETURN_IF_ERROR(interrupt_->Check());
    pollfd waiting = {.fd = fd_, .events = POLLIN, .revents = 0};
    const int timeout_ms =
        static_cast<int>(absl::ToInt64Milliseconds(Interrupt::kPoll));
    const int ready = poll(&waiting, 1, timeout_ms);
    if (ready < 0 && errno != EINTR) return LocalError(name_, "poll", errno);
    if (ready <= 0) {
      if (ready < 0) continue;
      if (got > 0) break;
      return std::nullopt;
    }
    const ssize_t n = read(fd_, data.data() + got, data.size() - got);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n < 0) return LocalError(name_, "read", errno);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  data.resize(got);
  return data;
}

}  // namespace cairn::client
