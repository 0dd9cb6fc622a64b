#include "common/io/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>

#include "common/io/errno_status.h"

namespace cairn {

absl::StatusOr<DiskSpace> ReadDiskSpace(const std::string& path) {
  struct statvfs volume;
  while (::statvfs(path.c_str(), &volume) != 0) {
    if (errno != EINTR) return ErrnoStatus(errno, path, "statvfs");
  }
  return DiskSpace{
      .size_bytes = static_cast<uint64_t>(volume.f_blocks) * volume.f_frsize,
      .free_bytes = static_cast<uint64_t>(volume.f_bavail) * volume.f_frsize};
}

}  // namespace cairn
