#include "services/maintenance/storage/row_key.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace cairn::maintenance {
namespace {

constexpr char kSeparator = '\0';

}  // namespace

std::string DatastoreKey(std::string_view datastore, std::string_view rest) {
  return absl::StrCat(datastore, std::string(1, kSeparator), rest);
}

std::optional<DatastoreKeyParts> SplitDatastoreKey(std::string_view key) {
  const size_t separator = key.find(kSeparator);
  if (separator == std::string_view::npos) return std::nullopt;
  return DatastoreKeyParts{key.substr(0, separator), key.substr(separator + 1)};
}

absl::Status BadRow(std::string_view table, std::string_view key,
                    std::string_view why) {
  return absl::DataLossError(absl::StrCat("row ", absl::CHexEscape(key),
                                          " of table ", table, ": ", why));
}

absl::Status CheckRowVersion(std::string_view table, std::string_view key,
                             uint32_t version) {
  if (version == kRowFormatVersion) return absl::OkStatus();
  return BadRow(table, key,
                absl::StrCat("format version is ", version,
                             ", this release reads ", kRowFormatVersion));
}

}  // namespace cairn::maintenance
