#include "common/server/fatal_exit.h"

#include <unistd.h>

#include "common/log/log.h"

namespace cairn {

void FatalExit::Report(const absl::Status& error) {
  LOG(ERROR) << "durability is lost, the process ends exit_code="
             << kFatalExitCode << " status=" << error.ToString();
  _exit(kFatalExitCode);
}

}  // namespace cairn
