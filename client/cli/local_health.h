#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cli/settings.h"

namespace cairn::client {

// Where health listens by default in a container of one service.
inline constexpr char kDefaultHealthAddress[] = "127.0.0.1:9450";

// Where the server of this machine, or of this container, tells its health:
// at the address that it has from CAIRN_HEALTH_LISTEN, or from health-listen
// in the file that CAIRN_CONFIG names; else at kDefaultSocket if there is one,
// else at kDefaultHealthAddress. An address that means every interface is
// asked at loopback. Errors are those of the file.
absl::StatusOr<std::string> LocalHealthAddress(
    const GetEnvironment& environment);

}  // namespace cairn::client
