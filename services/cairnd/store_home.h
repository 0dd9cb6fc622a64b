#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "common/io/data_directory.h"
#include "common/io/file_system.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/status/fatal_error.h"

namespace cairn::cairnd {

// Where one engine keeps what it owns: its data directory, held by this
// process alone, and the database in it. The same layout as that of the
// service in a process of its own.
class StoreHome {
 public:
  struct Options {
    std::string path;
    std::string service;  // of FORMAT
    std::vector<RocksKvStore::Table> tables;
    uint64_t block_cache_bytes = 0;
    uint64_t write_buffer_bytes = 0;
  };

  // `files` and `fatal` outlive the home. Errors as DataDirectory::Open and
  // RocksKvStore::Open.
  static absl::StatusOr<std::unique_ptr<StoreHome>> Open(const Options& options,
                                                         FileSystem* files,
                                                         absl::BitGenRef random,
                                                         FatalErrorSink* fatal);

  const std::string& path() const { return directory_->path(); }
  uint64_t incarnation() const { return directory_->incarnation(); }
  RocksKvStore* kv() { return kv_.get(); }

 private:
  StoreHome(std::unique_ptr<DataDirectory> directory,
            std::unique_ptr<RocksKvStore> kv)
      : directory_(std::move(directory)), kv_(std::move(kv)) {}

  // The lock goes last.
  const std::unique_ptr<DataDirectory> directory_;
  const std::unique_ptr<RocksKvStore> kv_;
};

}  // namespace cairn::cairnd
