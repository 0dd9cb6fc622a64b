#include "client/testing/tree.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace cairn::client {
namespace {

std::string Attributes(const std::string& path) {
  std::string names(65536, '\0');
  const ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
  names.resize(length < 0 ? 0 : static_cast<size_t>(length));
  std::vector<std::string> list =
      absl::StrSplit(names, '\0', absl::SkipEmpty());
  std::sort(list.begin(), list.end());
  std::string text;
  for (const std::string& name : list) {
    std::string value(65536, '\0');
    const ssize_t got =
        lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    value.resize(got < 0 ? 0 : static_cast<size_t>(got));
    absl::StrAppend(&text, " ", name, "=", absl::CEscape(value));
  }
  return text;
}

std::string Content(const std::string& path) {
  std::string content(std::filesystem::file_size(path), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  return content;
}

std::string Describe(const std::string& path, const struct stat& status) {
  std::string text = absl::StrFormat(
      "mode=%o owner=%d:%d mtime=%d.%09d", status.st_mode, status.st_uid,
      status.st_gid, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  absl::StrAppend(&text, Attributes(path));
  if (S_ISLNK(status.st_mode)) {
    absl::StrAppend(&text, " -> ",
                    std::filesystem::read_symlink(path).string());
  }
  if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
    absl::StrAppend(&text, " device=", major(status.st_rdev), ":",
                    minor(status.st_rdev));
  }
  if (S_ISREG(status.st_mode)) {
    absl::StrAppend(&text, " size=", status.st_size,
                    " content=", std::hash<std::string>()(Content(path)));
  }
  return text;
}

}  // namespace

std::map<std::string, std::string> DescribeTree(const std::string& top) {
  std::map<std::string, std::string> all;
  std::map<std::pair<uint64_t, uint64_t>, std::string> first_names;
  std::vector<std::string> paths = {top};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top)) {
    paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    struct stat status;
    if (lstat(path.c_str(), &status) != 0) continue;
    const std::string name = path.substr(top.size());
    std::string text = Describe(path, status);
    if (!S_ISDIR(status.st_mode) && status.st_nlink > 1) {
      const auto [first, is_new] = first_names.emplace(
          std::make_pair(uint64_t{status.st_dev}, uint64_t{status.st_ino}),
          name);
      absl::StrAppend(&text, " same file as ", first->second);
    }
    all[name] = text;
  }
  return all;
}

std::vector<std::string> TreeDifferences(const std::string& left,
                                         const std::string& right) {
  const auto lefts = DescribeTree(left);
  const auto rights = DescribeTree(right);
  std::map<std::string, std::pair<std::string, std::string>> both;
  for (const auto& [path, text] : lefts) both[path].first = text;
  for (const auto& [path, text] : rights) both[path].second = text;
  std::vector<std::string> differences;
  for (const auto& [path, texts] : both) {
    if (texts.first == texts.second) continue;
    differences.push_back(
        absl::StrCat(path, ": ", texts.first, " | ", texts.second));
  }
  return differences;
}

}  // namespace cairn::client
