#include "client/restore/device_target.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "client/transfer/frame.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr uint64_t kSectorBytes = 4096;  // no device has larger ones

}  // namespace

absl::StatusOr<std::unique_ptr<Target>> DeviceTarget::Open(
    const TargetOptions& options) {
  // O_EXCL: the kernel refuses devices that are mounted or in use.
  FileDescriptor fd(
      open(options.path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC | O_NOCTTY));
  if (!fd.valid() && errno == EBUSY) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.path, " is mounted or in use; unmount it first"));
  }
  if (!fd.valid()) return LocalError(options.path, "open", errno);
  uint64_t size = 0;
  if (ioctl(fd.get(), BLKGETSIZE64, &size) != 0) {
    return LocalError(options.path, "size of the device", errno);
  }
  if (size < options.size_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.path, " has ", size, " bytes, needed are ",
                     options.size_bytes));
  }
  return std::unique_ptr<Target>(new DeviceTarget(std::move(fd), options.path));
}

absl::Status DeviceTarget::Write(uint64_t offset, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n =
        pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return LocalError(path_, "write", errno);
    data.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return absl::OkStatus();
}

absl::Status DeviceTarget::WriteHole(uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  const uint64_t aligned_begin =
      (offset + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  const uint64_t aligned_end = end / kSectorBytes * kSectorBytes;
  uint64_t zeroed_begin = end;  // [zeroed_begin, zeroed_end) is done
  uint64_t zeroed_end = end;
  if (aligned_begin < aligned_end) {
    // Everything written before must not come back over the zeros.
    if (fdatasync(fd_.get()) != 0) return LocalError(path_, "sync", errno);
    uint64_t range[2] = {aligned_begin, aligned_end - aligned_begin};
    if (ioctl(fd_.get(), BLKZEROOUT, range) == 0) {
      zeroed_begin = aligned_begin;
      zeroed_end = aligned_end;
    }
  }
  const std::string zeros(kFrameBytes, '\0');
  for (uint64_t at = offset; at < end;) {
    if (at == zeroed_begin && at < zeroed_end) at = zeroed_end;
    const uint64_t limit = at < zeroed_begin ? zeroed_begin : end;
    const uint64_t piece = std::min<uint64_t>(limit - at, zeros.size());
    RETURN_IF_ERROR(Write(at, std::string_view(zeros).substr(0, piece)));
    at += piece;
  }
  return absl::OkStatus();
}

absl::Status DeviceTarget::Finish() {
  if (fsync(fd_.get()) != 0) return LocalError(path_, "sync", errno);
  return absl::OkStatus();
}

}  // namespace cairn::client
