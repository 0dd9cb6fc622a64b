#include "common/rpc/library_logs.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <string>

#include "common/log/log.h"

namespace cairn {
namespace {

void LogGrpc(gpr_log_func_args* args) {
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

void InitializeLibraryLogs() {
  gpr_set_log_function(&LogGrpc);
  google::protobuf::SetLogHandler(&LogProtobuf);
}

}  // namespace cairn
