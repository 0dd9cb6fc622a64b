#include "common/rpc/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/log/log.h"

namespace cairn {
namespace {

struct HandshakeWatch {
  absl::Mutex mutex;
  std::function<void(std::string_view)> watch ABSL_GUARDED_BY(mutex);
};

HandshakeWatch& Handshakes() {
  static HandshakeWatch* const handshakes = new HandshakeWatch;
  return *handshakes;
}

// Whether the line was about a handshake, and somebody was told.
bool TellOfHandshake(std::string_view line) {
  if (line.find("Handshake failed") == std::string_view::npos) return false;
  HandshakeWatch& handshakes = Handshakes();
  absl::ReaderMutexLock lock(&handshakes.mutex);
  if (handshakes.watch == nullptr) return false;
  handshakes.watch(line);
  return true;
}

void LogGrpc(gpr_log_func_args* args) {
  if (args->severity == GPR_LOG_SEVERITY_ERROR &&
      TellOfHandshake(args->message)) {
    return;
  }
  if (args->severity == GPR_LOG_SEVERITY_ERROR) {
    LOG(WARNING) << "grpc " << args->file << ":" << args->line << " "
                 << args->message;
  } else {
    LOG(DEBUG) << "grpc " << args->message;
  }
}

void LogProtobuf(google::protobuf::LogLevel level, const char* file, int line,
                 const std::string& message) {
  if (level == google::protobuf::LOGLEVEL_FATAL) {
    LOG(ERROR) << "protobuf " << file << ":" << line << " " << message;
  } else {
    LOG(DEBUG) << "protobuf " << message;
  }
}

}  // namespace

void WatchHandshakes(std::function<void(std::string_view)> watch) {
  HandshakeWatch& handshakes = Handshakes();
  absl::MutexLock lock(&handshakes.mutex);
  handshakes.watch = std::move(watch);
}

void InitializeLibraryLogs() {
  gpr_set_log_function(&LogGrpc);
  google::protobuf::SetLogHandler(&LogProtobuf);
}

}  // namespace cairn
