#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/unique_fd.h"
#include "common/model/call.h"

namespace cairn {

// A unix socket that asks the kernel who connects. gRPC's own unix sockets
// do not tell, so connections are accepted here and handed on.
class UnixListener {
 public:
  struct Options {
    // Absolute, at most 106 bytes. Its directory is made where the one above
    // is there.
    std::string path;
    // See CallerFromUid. Without these the socket's mode is 0600, else 0666.
    std::vector<uint32_t> allowed_uids;
  };
  // Takes over a connection of a known caller; the descriptor is non-blocking.
  using Handler = std::function<void(UniqueFd connection, Caller caller)>;

  // Listens, on a thread of its own, until the listener goes. A socket file
  // that nobody listens on is replaced. FailedPrecondition: somebody does, or
  // the file is no socket. InvalidArgument: the path cannot be used.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Open(
      const Options& options, Handler handler);
  // Ends the thread and removes the file. Connections that were handed on
  // stay.
  ~UnixListener();

 private:
  UnixListener(const Options& options, Handler handler, UniqueFd socket,
               UniqueFd wake, std::unique_ptr<ThreadPoolExecutor> thread);

  void Run();
  // False: there are no free descriptors; try again later.
  bool Accept();

  const Options options_;
  const Handler handler_;
  const UniqueFd socket_;
  const UniqueFd wake_;  // readable once the thread is to end
  const std::pair<dev_t, ino_t> file_;
  const std::unique_ptr<ThreadPoolExecutor> thread_;
};

}  // namespace cairn
