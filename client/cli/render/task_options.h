#pragma once

#include <string>

#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/cli/render/json.h"

namespace cairn::client {

maintenance::v1::TaskKind KindOf(const maintenance::v1::TaskOptions& options);

// Members as in the protocol, durations in seconds; null: no options.
Json ToJson(const maintenance::v1::TaskOptions& options);

// What they work on, and the options that are not the server's defaults, as
// they are given to the command: "datastores/d --keep-daily=7 --max-depth=7".
std::string DescribeOptions(const maintenance::v1::TaskOptions& options);

}  // namespace cairn::client
