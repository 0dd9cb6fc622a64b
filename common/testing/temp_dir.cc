#include "common/testing/temp_dir.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

std::string BaseDirectory() {
  for (const char* name : {"TEST_TMPDIR", "TMPDIR"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return "/tmp";
}

}  // namespace

TempDir::TempDir() : TempDir(BaseDirectory()) {}

TempDir::TempDir(std::string_view base) {
  std::string path = absl::StrCat(base, "/cairn.XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) {
    std::perror(path.c_str());
    std::abort();
  }
  path_ = path;
}

TempDir::~TempDir() {
  std::error_code error;
  std::filesystem::remove_all(path_, error);
  if (error) {
    std::fprintf(stderr, "%s: %s\n", path_.c_str(), error.message().c_str());
  }
}

std::string TempDir::Join(std::string_view name) const {
  return absl::StrCat(path_, "/", name);
}

}  // namespace cairn
