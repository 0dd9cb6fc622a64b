#include "services/cairnd/store_home.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/version.h"
#include "common/status/status_macros.h"

namespace cairn::cairnd {

absl::StatusOr<std::unique_ptr<StoreHome>> StoreHome::Open(
    const Options& options, FileSystem* files, absl::BitGenRef random,
    FatalErrorSink* fatal) {
  ASSIGN_OR_RETURN(std::unique_ptr<DataDirectory> directory,
                   DataDirectory::Open({.path = options.path,
                                        .support = {.service = options.service,
                                                    .version = 1,
                                                    .release = kVersion}},
                                       files, random));
  RocksKvStore::Options rocks{.path = absl::StrCat(directory->path(), "/db"),
                              .tables = options.tables};
  rocks.files = files;
  if (options.block_cache_bytes != 0) {
    rocks.block_cache_bytes = options.block_cache_bytes;
  }
  if (options.write_buffer_bytes != 0) {
    rocks.write_buffer_bytes = options.write_buffer_bytes;
  }
  ASSIGN_OR_RETURN(std::unique_ptr<RocksKvStore> kv,
                   RocksKvStore::Open(rocks, fatal));
  return std::unique_ptr<StoreHome>(
      new StoreHome(std::move(directory), std::move(kv)));
}

}  // namespace cairn::cairnd
