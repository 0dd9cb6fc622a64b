// The headers that most files of this tree include. Every file is compiled as
// if it began with them (prelude.bzl), and still includes what it uses.
#ifndef CAIRN_COMMON_BAZEL_LIBRARY_PRELUDE_H_
#define CAIRN_COMMON_BAZEL_LIBRARY_PRELUDE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#endif  // CAIRN_COMMON_BAZEL_LIBRARY_PRELUDE_H_
