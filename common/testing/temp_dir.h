#pragma once

#include <string>
#include <string_view>

namespace cairn {

// A fresh, empty directory of mode 0700 that is removed with all it holds
// when this object goes. Aborts the test if it cannot be created.
class TempDir {
 public:
  TempDir();
  // Below `base`: "/tmp" where the path must be short, as for unix sockets.
  explicit TempDir(std::string_view base);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // Absolute, no trailing slash.
  const std::string& path() const { return path_; }
  // Path of `name` in the directory.
  std::string Join(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace cairn
