#include "common/config/yaml_file.h"

#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "yaml-cpp/eventhandler.h"
#include "yaml-cpp/exceptions.h"
#include "yaml-cpp/mark.h"
#include "yaml-cpp/parser.h"

namespace cairn {
namespace {

constexpr size_t kMaxFileBytes = size_t{1} << 20;

// Takes the parser's events for a flat mapping. Events instead of a tree:
// aliases are refused before they can multiply, and nesting before it is
// deep. The first thing that is not allowed is kept; the rest is ignored.
class FlatMapping final : public YAML::EventHandler {
 public:
  explicit FlatMapping(std::string path) : path_(std::move(path)) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ > 0) Refuse(mark, "a second document");
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (depth_ == 0) return;  // an empty file
    Take(mark, anchor, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    Refuse(mark, "an alias");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& /*tag*/,
                YAML::anchor_t anchor, const std::string& value) override {
    Take(mark, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    if (depth_ != 1 || !key_.has_value()) Refuse(mark, "a nested list");
    ++depth_;
    in_list_ = true;
    entries_.push_back({key_.value_or(""), {}, true, mark.line + 1});
  }
  void OnSequenceEnd() override {
    --depth_;
    in_list_ = false;
    key_.reset();
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/,
                  YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    if (depth_ != 0) Refuse(mark, "a mapping inside the mapping");
    ++depth_;
  }
  void OnMapEnd() override { --depth_; }

  absl::StatusOr<std::vector<YamlEntry>> Result() && {
    if (!error_.ok()) return error_;
    return std::move(entries_);
  }

 private:
  void Take(const YAML::Mark& mark, YAML::anchor_t anchor,
            const std::string& value) {
    if (anchor != 0) return Refuse(mark, "an anchor");
    if (depth_ == 0) return Refuse(mark, "a single value");
    if (in_list_) {
      entries_.back().values.push_back(value);
    } else if (!key_.has_value()) {
      if (!keys_.insert(value).second) {
        return Refuse(mark, absl::StrCat("'", value, "' a second time"));
      }
      key_ = value;
    } else {
      entries_.push_back({*key_, {value}, false, mark.line + 1});
      key_.reset();
    }
  }

  void Refuse(const YAML::Mark& mark, std::string_view what) {
    if (!error_.ok()) return;
    error_ = absl::InvalidArgumentError(
        absl::StrCat(path_, ":", mark.line + 1, ": found ", what,
                     "; allowed is one mapping of names to values or lists"));
  }

  const std::string path_;
  absl::Status error_;
  std::vector<YamlEntry> entries_;
  std::set<std::string> keys_;
  std::optional<std::string> key_;
  bool in_list_ = false;
  int depth_ = 0;
  int documents_ = 0;
};

absl::StatusOr<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be opened; check the name and the mode"));
  }
  std::string text(kMaxFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": longer than ", kMaxFileBytes, " bytes, which is allowed"));
  }
  return text;
}

}  // namespace

absl::StatusOr<std::vector<YamlEntry>> ReadYamlFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadWhole(path));
  FlatMapping mapping(path);
  try {
    std::istringstream stream(std::move(text));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(mapping)) {
    }
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", error.mark.line + 1, ": ", error.msg));
  }
  return std::move(mapping).Result();
}

}  // namespace cairn
