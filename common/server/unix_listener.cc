#include "common/server/unix_listener.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/caller_resolver.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr int kBacklog = 128;
// How long to wait for a free descriptor.
constexpr int kRetryMilliseconds = 100;

absl::Status ErrnoStatus(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("unix socket ", path, ": ", what, ": ", strerror(errno)));
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path[0] != '/' ||
      path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("unix socket ", path, ": the path must be absolute and ",
                     "have at most ", sizeof(address.sun_path) - 2, " bytes"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* AsSockaddr(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd NewSocket() {
  return UniqueFd(
      socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

std::pair<dev_t, ino_t> FileOf(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return {0, 0};
  return {found.st_dev, found.st_ino};
}

// OK if `path` may be replaced: nothing is there, or a socket that nobody
// listens on.
absl::Status CheckReplaceable(const std::string& path) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "unix socket ", path, ": a file that is no socket is there"));
  }
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(path));
  const UniqueFd probe = NewSocket();
  if (connect(probe.get(), AsSockaddr(address), sizeof(address)) == 0 ||
      errno == EAGAIN || errno == EACCES) {
    return absl::FailedPreconditionError(
        absl::StrCat("unix socket ", path, ": another process listens on it"));
  }
  return absl::OkStatus();
}

// Binds under another name, so that the file has its mode and is listened on
// from the moment it has its own name.
absl::StatusOr<UniqueFd> Listen(const std::string& path, mode_t mode) {
  const std::string temporary = absl::StrCat(path, "~");
  ASSIGN_OR_RETURN(const sockaddr_un address, AddressOf(temporary));
  // Such as /run/cairn, which does not survive a boot. It is not removed: the
  // next process may be about to use it.
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
    return ErrnoStatus(path, "create its directory");
  }
  UniqueFd listener = NewSocket();
  if (!listener.valid()) return ErrnoStatus(path, "socket");
  unlink(temporary.c_str());
  if (bind(listener.get(), AsSockaddr(address), sizeof(address)) != 0) {
    return ErrnoStatus(path, "bind");
  }
  // Nobody can connect before listen, whatever the mode was until here.
  if (chmod(temporary.c_str(), mode) != 0) return ErrnoStatus(path, "chmod");
  if (listen(listener.get(), kBacklog) != 0) return ErrnoStatus(path, "listen");
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(path, "rename");
  }
  return listener;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Open(
    const Options& options, Handler handler) {
  RETURN_IF_ERROR(CheckReplaceable(options.path));
  ASSIGN_OR_RETURN(
      UniqueFd socket,
      Listen(options.path, options.allowed_uids.empty() ? 0600 : 0666));
  UniqueFd wake(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoStatus(options.path, "eventfd");
  ASSIGN_OR_RETURN(auto thread, ThreadPoolExecutor::Create(
                                    {.name = "unix-accept", .threads = 1}));
  std::unique_ptr<UnixListener> listener(
      new UnixListener(options, std::move(handler), std::move(socket),
                       std::move(wake), std::move(thread)));
  RETURN_IF_ERROR(listener->thread_->Schedule(
      [running = listener.get()] { running->Run(); }));
  return listener;
}

UnixListener::UnixListener(const Options& options, Handler handler,
                           UniqueFd socket, UniqueFd wake,
                           std::unique_ptr<ThreadPoolExecutor> thread)
    : options_(options),
      handler_(std::move(handler)),
      socket_(std::move(socket)),
      wake_(std::move(wake)),
      file_(FileOf(options.path)),
      thread_(std::move(thread)) {}

UnixListener::~UnixListener() {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from its end.
  CHECK_EQ(write(wake_.get(), &one, sizeof(one)),
           static_cast<ssize_t>(sizeof(one)));
  thread_->Shutdown();
  // Another process may have put its own socket there.
  if (FileOf(options_.path) == file_) unlink(options_.path.c_str());
}

void UnixListener::Run() {
  bool listening = true;
  while (true) {
    std::array<pollfd, 2> waiting = {{
        {.fd = wake_.get(), .events = POLLIN, .revents = 0},
        {.fd = socket_.get(), .events = POLLIN, .revents = 0},
    }};
    // Without free descriptors the socket stays readable, which is not
    // waited for then.
    const nfds_t count = listening ? 2 : 1;
    const int timeout = listening ? -1 : kRetryMilliseconds;
    if (poll(waiting.data(), count, timeout) < 0 && errno != EINTR) return;
    if ((waiting[0].revents & POLLIN) != 0) return;
    listening = Accept();
  }
}

bool UnixListener::Accept() {
  UniqueFd connection(
      accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!connection.valid()) {
    return errno != EMFILE && errno != ENFILE && errno != ENOMEM &&
           errno != ENOBUFS;
  }
  ucred peer = {};
  socklen_t size = sizeof(peer);
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) !=
      0) {
    return true;
  }
  Caller caller = CallerFromUid(peer.uid, geteuid(), options_.allowed_uids);
  if (caller.kind == CallerKind::kNone) {
    LOG(WARNING) << "unix socket refused a connection path=" << options_.path
                 << " uid=" << peer.uid << " pid=" << peer.pid;
    return true;
  }
  handler_(std::move(connection), std::move(caller));
  return true;
}

}  // namespace cairn
