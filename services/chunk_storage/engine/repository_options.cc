#include "services/chunk_storage/engine/repository_options.h"

#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_format.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

absl::Status CheckRange(std::string_view name, uint64_t value, uint64_t least,
                        uint64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", allowed are ", least, " to ", most));
}

}  // namespace

absl::Status RepositoryOptions::Validate() const {
  constexpr uint64_t kGiB = uint64_t{1} << 30;
  RETURN_IF_ERROR(
      CheckRange("pack_bytes", pack_bytes, 4 * kPackBlockBytes, 16 * kGiB));
  RETURN_IF_ERROR(CheckRange("pack_records", pack_records, 1, kMaxPackRecords));
  RETURN_IF_ERROR(CheckRange("open_packs", open_packs, 1, 64));
  RETURN_IF_ERROR(
      CheckRange("reserve_bytes", reserve_bytes, 0, kGiB * 1024 * 1024));
  RETURN_IF_ERROR(
      CheckRange("touch_memory_bytes", touch_memory_bytes, 1024, 1024 * kGiB));
  RETURN_IF_ERROR(CheckRange("read_window_bytes", read_window_bytes, 1, kGiB));
  RETURN_IF_ERROR(CheckRange("verify_parallelism", verify_parallelism, 1, 64));
  return CheckRange("read_parallelism", read_parallelism, 1, 64);
}

}  // namespace cairn::chunk_storage
