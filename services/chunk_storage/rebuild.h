#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/uuid.h"
#include "common/pack/pack_survey.h"
#include "common/server/offline_command.h"
#include "common/server/server_options.h"
#include "common/status/fatal_error.h"
#include "services/chunk_storage/engine/store_rebuild.h"
#include "services/chunk_storage/options.h"

namespace cairn::chunk_storage {

// A pack that only the former database knew: its file is gone.
struct MissingPack {
  Uuid datastore;
  Uuid pack;
  uint64_t records = 0;
};

struct RebuildResult {
  RebuildReport report;
  // What no pack can tell, as far as the former database could be read.
  std::vector<MissingPack> missing_packs;
  // Where the database that was replaced is now; empty: it held nothing.
  std::string former;

  bool lost() const { return report.lost() || !missing_packs.empty(); }
};

// Builds `data_dir`/chunk_storage/db again from the packs beside it. Takes
// the directory's lock. The new database grows in db.rebuild and takes the
// place of the old one when it is whole: cut short at any point, the old one
// is as it was, or the next start refuses, and running this again goes on
// where it was. A former database that can be read gives generation and
// token; unless it is empty it is kept as db.former-N.
//
// FailedPrecondition: no datastores there, another process holds the
// directory, or it is not one of chunk_storage.
absl::StatusOr<RebuildResult> RebuildDatabase(const Options& options,
                                              const std::string& data_dir,
                                              SurveyDepth depth,
                                              FatalErrorSink* fatal_errors);

// `cairn-chunk-storage rebuild`. Both outlive the command.
OfflineCommand RebuildCommand(const Options* options,
                              const ServerOptions* server);

}  // namespace cairn::chunk_storage
