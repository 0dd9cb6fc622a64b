#include "common/server/service_notifier.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/io/unique_fd.h"
#include "common/log/log.h"

namespace cairn {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// False with errno set: it was not sent.
bool SendDatagram(const std::string& socket_name, std::string_view text) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (socket_name.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path, socket_name.data(), socket_name.size());
  // An abstract name begins with a zero byte, and has no end but its length.
  if (socket_name.front() == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                             socket_name.size());
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return false;
  // A manager that reads nothing does not keep the process waiting.
  return sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                reinterpret_cast<const sockaddr*>(&address), length) >= 0;
}

}  // namespace

ServiceNotifier::Options ServiceNotifier::FromEnvironment() {
  Options options = {.socket = Variable("NOTIFY_SOCKET")};
  if (options.socket.empty()) return options;
  if (options.socket.front() != '/' && options.socket.front() != '@') {
    LOG(WARNING) << "service manager is not told anything: NOTIFY_SOCKET "
                 << options.socket << " is neither a path nor abstract";
    options.socket.clear();
    return options;
  }
  uint64_t micros = 0;
  const std::string pid = Variable("WATCHDOG_PID");
  if (absl::SimpleAtoi(Variable("WATCHDOG_USEC"), &micros) && micros > 0 &&
      (pid.empty() || pid == absl::StrCat(getpid()))) {
    options.watchdog = absl::Microseconds(micros);
  }
  return options;
}

void ServiceNotifier::Reloading() {
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                    absl::ToInt64Microseconds(clock_->Monotonic())));
}

void ServiceNotifier::Alive() {
  if (options_.watchdog != absl::InfiniteDuration()) Send("WATCHDOG=1");
}

void ServiceNotifier::Send(std::string_view state) {
  if (options_.socket.empty() || SendDatagram(options_.socket, state)) return;
  if (lost_) return;
  lost_ = true;
  LOG(WARNING) << "service manager was not told state=" << state
               << " socket=" << options_.socket
               << " error=" << std::strerror(errno);
}

}  // namespace cairn
