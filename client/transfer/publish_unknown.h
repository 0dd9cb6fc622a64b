#pragma once

namespace cairn::client {

// Reason of a backup's error after which its snapshot may be there or not:
// the run stopped waiting for the answer to its finish.
inline constexpr char kPublishUnknown[] = "PUBLISH_UNKNOWN";

}  // namespace cairn::client
