#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

// What the tables of maintenance have in common: keys that start with the
// datastore, {d} 0x00 {rest}, and rows that start with a format version.
namespace cairn::maintenance {

inline constexpr uint32_t kRowFormatVersion = 1;

// Names of datastores have no zero byte, so keys of one are never a prefix of
// another's. `rest` of all rows of a datastore: "".
std::string DatastoreKey(std::string_view datastore, std::string_view rest);

struct DatastoreKeyParts {
  std::string_view datastore;
  std::string_view rest;
};
// None: the key has no zero byte.
std::optional<DatastoreKeyParts> SplitDatastoreKey(std::string_view key);

// DataLoss that names the row.
absl::Status BadRow(std::string_view table, std::string_view key,
                    std::string_view why);
// DataLoss unless `version` is kRowFormatVersion.
absl::Status CheckRowVersion(std::string_view table, std::string_view key,
                             uint32_t version);

}  // namespace cairn::maintenance
